/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an installed header puts its declarations between: C++ may include it, and the shared
 * library exports its functions if lib/libvu.map names them. All else is compiled hidden.
 * doc/decision/0014 says what that costs: nothing.
 */
#ifndef VU_EXPORT_H
#define VU_EXPORT_H

#ifdef __cplusplus
/** Behind the last #include of an installed header. */
#define VU_API_BEGIN extern "C" { _Pragma("GCC visibility push(default)")
/** Before its last #endif. */
#define VU_API_END _Pragma("GCC visibility pop") }
#else
#define VU_API_BEGIN _Pragma("GCC visibility push(default)")
#define VU_API_END _Pragma("GCC visibility pop")
#endif

#endif /* VU_EXPORT_H */
