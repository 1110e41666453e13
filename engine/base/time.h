/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clocks. */
#pragma once

#include <stdint.h>

/** Microseconds of CLOCK_MONOTONIC: for durations and time-outs. */
uint64_t vzr_monotonic_us(void);

/** Seconds since 1970 of the wall clock: for records only. */
int64_t vzr_now(void);

#define VZR_TIME_TEXT 32
/** Writes @seconds as "2026-01-31T23:59:59Z" into @out. Returns @out. */
char *vzr_time_text(int64_t seconds, char out[VZR_TIME_TEXT]);
