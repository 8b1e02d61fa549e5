import { after, before } from 'node:test';
import type { ZooKeeper } from '../../../client/index.ts';
import { RecipeWorld } from './recipe-world.ts';
import { stormTests } from './storm-mixtures.ts';

// Goal: all recipes keep their promises while requests and replies get lost at any point, and
// directories vanish under them as soon as they are empty.
// Method: a real server that removes empty containers at once; three clients whose proxies break
// the connection at one request in fifteen, as the seed says; the promises are counted out.

let world: RecipeWorld;
let plain: ZooKeeper;

before(async () => {
  world = await RecipeWorld.start({ properties: { 'znode.container.checkIntervalMs': '50' } });
  plain = await world.client();
});

after(() => world[Symbol.asyncDispose]());

stormTests([1, 2], () => ({ world, plain }));
