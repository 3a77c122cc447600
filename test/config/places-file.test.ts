import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parsePlacesFile, PlacesFileError } from "@berth/core/config/places-file";

/** Any file does: only its text is taken. */
const PEM = fileURLToPath(import.meta.url);

function problemsOf(source: string): readonly string[] {
  try {
    parsePlacesFile(source);
    return [];
  } catch (error) {
    return (error as PlacesFileError).problems.map((problem) => problem.replace("BERTH_PLACES_FILE: ", ""));
  }
}

test("several places of each backend are read from YAML, and from JSON alike", () => {
  const yaml = `places:
  docker-a: {backend: docker, host: "unix:///run/a.sock", labels: {zone: a}}
  docker-b: {backend: docker, host: "tcp://b:2376", ca: ${PEM}, cert: ${PEM}, key: ${PEM}, capacity: 50}
  us: {backend: ec2, region: us-east-1, subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b], weight: 2}
  here: {backend: process}
`;
  const places = parsePlacesFile(yaml);
  expect(places.map(({ name }) => name)).toEqual(["docker-a", "docker-b", "us", "here"]);
  expect(places[0]!.first.labels).toEqual({ zone: "a" });
  expect(places[1]).toMatchObject({ first: { capacity: 50 }, fields: { ca: readFileSync(PEM, "utf8") } });
  expect(places[2]).toMatchObject({
    first: { weight: 2 },
    fields: { subnets: ["subnet-0a1b2c3d", "subnet-4e5f6a7b"] },
  });
  expect(parsePlacesFile('{"places":{"here":{"backend":"process"}}}')).toEqual([places[3]]);
});

test("all that is wrong is told by its field, with what was expected or meant", () => {
  expect(
    problemsOf(`places:
  a: {backend: docker, hots: "unix:///a.sock", capacity: many}
  b: {backend: dokcer}
  c: {backend: docker, host: "tcp://c", cert: ${PEM}}
  d: {backend: docker, host: "unix:///d.sock", ca: ${PEM}}
  e: {backend: docker, host: "ftp://e", ca: /no/such.pem}
  h: {backend: docker, host: "ssh://h", cert: ${PEM}, key: ${PEM}}
  i: {backend: docker, host: "unix:///i.sock", ssh_config: /etc/ssh/berth}
  f: {host: "unix:///f.sock"}
  external: {backend: docker}
`),
  ).toEqual([
    "places.a.hots is no field: did you mean host?",
    'places.a.capacity: got "many", expected a whole number from 0 to 2147483647',
    expect.stringMatching(/^places\.b\.backend: got "dokcer", expected one of /),
    "places.c: one of cert and key is set, expected both or none",
    "places.d.host: has certificates, expected tcp:// or https://",
    expect.stringMatching(/^places\.e\.host: got "ftp:\/\/e", expected /),
    'places.e.ca: got "/no/such.pem", expected the path of a PEM file that can be read',
    "places.h.host: has certificates, expected tcp:// or https://",
    "places.i.host: has an ssh_config, expected ssh://",
    expect.stringMatching(/^places\.f\.backend: is missing, expected one of /),
    'places.external.backend: got "docker", expected external: a place of that name is one of that backend',
  ]);
});

test("what is no YAML, no object or has a name twice is told, not read in part", () => {
  for (const source of ["", "[]", "places: [", "places: {a: {backend: process}, a: {backend: process}}"])
    expect(problemsOf(source).length, source).toBeGreaterThan(0);
  // As one that is cut short: to serve nothing is nobody's wish.
  expect(problemsOf("places: {}")).toEqual(["places: is empty, expected at least one"]);
});
