/** The generator of the actors for tests of packages below them. */
export { createRandom as seededDraws } from "@shoal/actors";
