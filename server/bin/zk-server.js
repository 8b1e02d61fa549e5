#!/usr/bin/env node
import v8 from 'node:v8';
import { launch } from './launch.js';

// Start-up garbage must not make the young generation grow; main.ts lets it once it runs.
v8.setFlagsFromString('--semi-space-growth-factor=1');
await launch(import.meta.url);
