/* SPDX-License-Identifier: MIT */
/*
 * A function before whose definition FOR_EACH_CPU stands is compiled for several kinds of CPU, of
 * which the dynamic linker takes the best: GCC's target_clones, which needs glibc's ifuncs.
 */
#ifndef CRYPT_CLONES_H
#define CRYPT_CLONES_H

#include <features.h>

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FOR_EACH_CPU
#endif

#endif
