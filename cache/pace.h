/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When to try again: rounds over mirrors with growing pauses. */
#pragma once

#include "engine/base/event.h"

/**
 * Pause before round @round (from 1): @backoff_ms doubled each time, at most 30 s, then between
 * half and one and a half of that, by @random.
 */
unsigned int vzr_pace_ms(unsigned int backoff_ms, unsigned int round, uint32_t random);

/** Sleeps for vzr_pace_ms() with a random number; ends early with -VZR_E_CANCELLED. */
VZR_MUST_CHECK int vzr_pace(struct vzr_context *ctx, unsigned int backoff_ms, unsigned int round,
			    struct vzr_error *err);
