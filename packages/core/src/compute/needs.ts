import type { AccountSecret } from "../domain/secrets.js";
import type { CallOptions, VolumeRef } from "./backend.js";

/**
 * What a launch takes for granted, and may lack by now. `Backend.ready` looks whether it is there and fetches what can be
 * fetched, such as an image: asked before what runs is stopped for a restart, so that one that couldn't be started again is
 * left as it is (I14). It rejects as the launch would: `volume_missing`, `image_not_found`, …
 */
export interface Needs {
  /** One that was made; null: a new one may be made. */
  volume: VolumeRef | null;
  image: string | undefined;
}

/**
 * What a secret of the account that the place is in says, by the place's own credentials; asked anew each time.
 * @throws BackendError `secret_not_found` where there is none, or nothing that can be read; else as any call of the place
 */
export type AskSecret = (secret: AccountSecret, options: CallOptions) => Promise<string>;
