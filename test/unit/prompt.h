/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The RTE>> prompt on standard input. Called by main when no test was named.
 */
#ifndef PROMPT_H
#define PROMPT_H

/**
 * Read and run commands until quit or end of input.
 *
 * @return 0, TEST_FAILED if a test failed, or -ENOMEM
 */
int prompt_run(void);

#endif /* PROMPT_H */
