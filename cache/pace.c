/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pauses between rounds, so that a hundred clients do not come back in the same moment. */
#include "cache/pace.h"

#include <sys/random.h>
#include <time.h>

#define MAX_PAUSE_MS 30000u
#define SLICE_MS 50u

unsigned int vzr_pace_ms(unsigned int backoff_ms, unsigned int round, uint32_t random)
{
	uint64_t ms = backoff_ms;

	for (unsigned int i = 1; i < round && ms < MAX_PAUSE_MS; i++)
		ms *= 2;
	if (ms > MAX_PAUSE_MS)
		ms = MAX_PAUSE_MS;
	return (unsigned int)(ms / 2 + ms * random / UINT32_MAX);
}

int vzr_pace(struct vzr_context *ctx, unsigned int backoff_ms, unsigned int round,
	     struct vzr_error *err)
{
	uint32_t random = UINT32_MAX / 2;
	unsigned int left;

	/* Without a random number the pause is just not random. */
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	left = vzr_pace_ms(backoff_ms, round, random);
	for (;;) {
		unsigned int ms = left < SLICE_MS ? left : SLICE_MS;
		const struct timespec slice = { .tv_nsec = (long)ms * 1000000l };
		int r = vzr_cancelled(ctx, err);

		if (r < 0 || left == 0)
			return r;
		nanosleep(&slice, NULL);
		left -= ms;
	}
}
