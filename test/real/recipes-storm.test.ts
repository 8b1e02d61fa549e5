import { after, before } from 'node:test';
import type { ZooKeeper } from '../../client/index.ts';
import { RecipeWorld } from '../client/recipes/recipe-world.ts';
import { stormTests } from '../client/recipes/storm-mixtures.ts';

// Goal: all recipes keep their promises while their clients go from server to server, among them
// some that are behind the others.
// Method: three real servers; the connection of every client breaks at one request in fifteen, with
// the request lost or the reply, and the next server is another one.

let world: RecipeWorld;
let plain: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start({ members: 3 });
  plain = await world.client();
});

after(() => world[Symbol.asyncDispose]());

stormTests([12, 25], () => ({ world, plain }));
