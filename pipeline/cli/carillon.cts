#!/usr/bin/env node
/** The executable. CommonJS, for the size of libuv's thread pool counts only before the first file is read in another
 *  thread, as the loader of ECMAScript modules does: each call of Kafka's library holds one of its threads. */
const threads = '64'

process.env.UV_THREADPOOL_SIZE ??= threads
void import('./main.js')
