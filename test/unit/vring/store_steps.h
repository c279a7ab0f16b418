/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A back-end that dies after each of its stores: a child process works on memory that it shares
 * with the case, one instruction at a time, and the case looks at that memory in between.
 */
#ifndef STORE_STEPS_H
#define STORE_STEPS_H

/**
 * Run work(arg) in a child and look(arg) here after each of its instructions. Skips the case where
 * a process cannot be stepped through.
 *
 * @return number of instructions
 */
unsigned int store_steps_run(void (*work)(void *arg), void (*look)(void *arg), void *arg);

#endif /* STORE_STEPS_H */
