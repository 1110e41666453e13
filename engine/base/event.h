/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where events go, and the flag that ends the work: one context, handed to every layer. */
#pragma once

#include "engine/base/error.h"

#include <stdatomic.h>

/** What every long-running function is given. The engine owns it; layers borrow it. */
struct vzr_context {
	vzr_event_fn fn; /**< may be NULL */
	void *data;
	atomic_int cancelled; /**< set by vzr_cancel(); read with vzr_cancelled() */
	const atomic_int *also; /**< a second such flag, shared with another process; or NULL */
};

/** Sends a LOG event. @ctx may be NULL. The text is escaped like an error's. */
void vzr_log(struct vzr_context *ctx, enum vzr_level level, const char *fmt, ...) VZR_PRINTF(3, 4);
#define vzr_debug(ctx, ...) vzr_log(ctx, VZR_LEVEL_DEBUG, __VA_ARGS__)
#define vzr_info(ctx, ...) vzr_log(ctx, VZR_LEVEL_INFO, __VA_ARGS__)
#define vzr_warn(ctx, ...) vzr_log(ctx, VZR_LEVEL_WARNING, __VA_ARGS__)

/** Sends STAGE_BEGIN; returns the time to hand to vzr_stage_end(). @name is static text. */
uint64_t vzr_stage_begin(struct vzr_context *ctx, const char *name);

/** Sends STAGE_END with @code (0 or negative). Returns @code. */
int vzr_stage_end(struct vzr_context *ctx, const char *name, uint64_t begun, int code);

/** Sends PROGRESS. @total_bytes 0: not known. Call per block; renderers limit the rate. */
void vzr_progress(struct vzr_context *ctx, const char *stage, uint64_t done_bytes,
		  uint64_t total_bytes);

/** Sends CHOICE. */
void vzr_choice(struct vzr_context *ctx, const char *what, const char *chosen, const char *reason);

/** -VZR_E_CANCELLED with a message in @err if the work is to end, else 0. Call per block. */
int vzr_cancelled(struct vzr_context *ctx, struct vzr_error *err);
