import { reportPlaces } from "@berth/core/db/places";
import { losePlace } from "@berth/core/requests/lost";
import { confirmPlace, drainPlace, patchPlace, requirePlace } from "@berth/core/requests/places";
import type { FastifyReply } from "fastify";
import Type, { type Static } from "typebox";
import { etagOf } from "../http/etag.js";
import { requesterOf } from "../http/requester.js";
import { answer, ETAG } from "../schemas/answers.js";
import { ConditionHeaders, ref } from "../schemas/common.js";
import {
  ConfirmBody,
  Drain,
  DRAIN_EXAMPLE,
  LOST_EXAMPLE,
  LostBody,
  PatchPlaceBody,
  Place,
  PLACE_EXAMPLE,
  viewPlace,
} from "../schemas/place.js";
import { problems } from "../schemas/problem.js";
import type { App, Services } from "../services.js";

const TAGS = ["places"];
const Params = Type.Object({ name: Type.String({ description: "The place's name." }) });

/** Where workspaces are: daemons, accounts with their Regions, machines. */
export function placeRoutes(app: App, { pool }: Services): void {
  const reportOf = async (name: string) => {
    await requirePlace(pool, name);
    return viewPlace((await reportPlaces(pool, name))[0]!);
  };

  app.get(
    "/places",
    {
      config: { access: "viewer", relieves: true },
      schema: {
        operationId: "listPlaces",
        summary: "List the places",
        description: "All there are, by name, each with who answers there and what it has.",
        tags: TAGS,
        response: { 200: answer("They.", Type.Array(ref(Place)), [PLACE_EXAMPLE]), ...problems() },
      },
    },
    async () => (await reportPlaces(pool)).map(viewPlace),
  );

  app.get(
    "/places/:name",
    {
      config: { access: "viewer" },
      schema: {
        operationId: "getPlace",
        summary: "Read a place",
        description: "Who it is, which workers reach it, and what is wrong.",
        tags: TAGS,
        params: Params,
        response: {
          200: answer("The place.", ref(Place), PLACE_EXAMPLE, ETAG),
          ...problems("place_not_found"),
        },
      },
    },
    async (request, reply) => shown(reply, await reportOf(request.params.name)),
  );

  app.patch(
    "/places/:name",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "patchPlace",
        summary: "Change what a place takes",
        description:
          "It counts for workspaces accepted after the answer. Nothing moves by it, and a capacity below what is there stops nothing.",
        tags: TAGS,
        params: Params,
        headers: ConditionHeaders,
        body: PatchPlaceBody,
        response: {
          200: answer("The place after it.", ref(Place), PLACE_EXAMPLE, ETAG),
          ...problems("invalid_request", "place_not_found", "place_lost", "precondition_failed"),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      await patchPlace(pool, name, request.body, requesterOf(request));
      return shown(reply, await reportOf(name));
    },
  );

  app.post(
    "/places/:name/drain",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "drainPlace",
        summary: "Empty a place of what may leave it",
        description:
          "It is cordoned, and what has no data there, or has `may_move`, is started elsewhere with an empty volume, as its " +
          "`place_labels` allow. The rest is listed. Asked again, it says how far that is; `cordoned: false` ends it.",
        tags: TAGS,
        params: Params,
        headers: ConditionHeaders,
        response: {
          200: answer("How far it is.", Drain, DRAIN_EXAMPLE),
          ...problems("invalid_request", "place_not_found", "place_lost", "precondition_failed"),
        },
      },
    },
    (request) => drainPlace(pool, request.params.name, requesterOf(request)),
  );

  app.post(
    "/places/:name/lost",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "losePlace",
        summary: "Say that a place is gone for good",
        description:
          "It can't be taken back. What the ledger has there ends as `lost`, with who said so; operations there end, deletes as " +
          "succeeded; what ran there has failed, and may be started elsewhere without its volume (`?new_volume=true`).",
        tags: TAGS,
        params: Params,
        headers: ConditionHeaders,
        body: LostBody,
        response: {
          200: answer("The place after it.", ref(Place), LOST_EXAMPLE, ETAG),
          ...problems("invalid_request", "place_not_found", "place_lost", "precondition_failed"),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      await losePlace(pool, name, request.body.reason, requesterOf(request));
      return shown(reply, await reportOf(name));
    },
  );

  app.post(
    "/places/:name/confirm",
    {
      config: { access: "admin", relieves: true },
      schema: {
        operationId: "confirmPlace",
        summary: "Say which provider a place is",
        description:
          "Where the first contact found none of a place's things, or its data was wiped, nothing is concluded until " +
          "somebody says that what answers is the place all the same. From then on its word counts: what the ledger has and it " +
          "doesn't is gone.",
        tags: TAGS,
        params: Params,
        body: ConfirmBody,
        response: {
          200: answer("The place after it.", ref(Place), { ...PLACE_EXAMPLE, confirmed_by: "admin" }),
          ...problems("invalid_request", "place_not_found", "place_lost", "identity_taken"),
        },
      },
    },
    async (request) => {
      const { name } = request.params;
      await confirmPlace(pool, name, request.body.identity, requesterOf(request));
      return reportOf(name);
    },
  );
}

function shown(reply: FastifyReply, place: Static<typeof Place>): Static<typeof Place> {
  void reply.header("etag", etagOf(place.version));
  return place;
}
