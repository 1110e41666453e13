/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clocks. */
#include "engine/base/time.h"

#include <stdio.h>
#include <time.h>

uint64_t vzr_monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int64_t vzr_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

char *vzr_time_text(int64_t seconds, char out[VZR_TIME_TEXT])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, VZR_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, VZR_TIME_TEXT, "@%lld", (long long)seconds);
	return out;
}
