import { expect, test } from "vitest";
import { parsePlacesFile, PlacesFileError } from "@berth/core/config/places-file";

function problemsOf(source: string): readonly string[] {
  try {
    parsePlacesFile(source);
    return [];
  } catch (error) {
    return (error as PlacesFileError).problems;
  }
}

test("several places of each backend are read from YAML, and from JSON alike", () => {
  const yaml = `places:
  docker-a: {backend: docker, host: "unix:///run/a.sock", labels: {zone: a}}
  docker-b: {backend: docker, host: "tcp://b:2376", ca: /tls/ca.pem, cert: /tls/c.pem, key: /tls/k.pem, capacity: 50}
  us: {backend: ec2, region: us-east-1, subnets: [subnet-1, subnet-2], weight: 2}
  here: {backend: process}
`;
  const places = parsePlacesFile(yaml);
  expect(places.map(({ name }) => name)).toEqual(["docker-a", "docker-b", "us", "here"]);
  expect(places[0]!.labels).toEqual({ zone: "a" });
  expect(places[1]!.fields).toMatchObject({ capacity: 50, ca: "/tls/ca.pem" });
  expect(places[2]!.fields).toMatchObject({ subnets: ["subnet-1", "subnet-2"], weight: 2 });
  expect(parsePlacesFile('{"places":{"here":{"backend":"process"}}}')).toEqual([places[3]]);
});

test("all that is wrong is told by its field, with what was expected or meant", () => {
  expect(
    problemsOf(`places:
  a: {backend: docker, hots: "unix:///a.sock", capacity: many}
  b: {backend: dokcer}
  c: {backend: docker, cert: /c.pem}
`),
  ).toEqual([
    "places.a.hots is no field: did you mean host?",
    'places.a.capacity: got "many", expected a whole number from 0 to 2147483647',
    expect.stringMatching(/^places\.b\.backend: got "dokcer", expected one of /),
    "places.c: one of cert and key is set, expected both or none",
  ]);
});

test("what is no YAML, no object or has a name twice is told, not read in part", () => {
  for (const source of ["", "[]", "places: [", "places: {a: {backend: process}, a: {backend: process}}"])
    expect(problemsOf(source).length, source).toBeGreaterThan(0);
});
