/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events: plain values to one sink, in order. */
#include "engine/base/event.h"

#include "engine/base/time.h"

#include <stdio.h>

static void send_event(struct vzr_context *ctx, const struct vzr_event *event)
{
	if (ctx && ctx->fn)
		ctx->fn(ctx->data, event);
}

void vzr_log(struct vzr_context *ctx, enum vzr_level level, const char *fmt, ...)
{
	char raw[1024], text[1024];
	struct vzr_event event = { .type = VZR_EVENT_LOG };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	event.u.log.level = level;
	event.u.log.text = vzr_escape(text, sizeof(text), raw);
	send_event(ctx, &event);
}

uint64_t vzr_stage_begin(struct vzr_context *ctx, const char *name)
{
	struct vzr_event event = { .type = VZR_EVENT_STAGE_BEGIN };

	event.u.stage.name = name;
	send_event(ctx, &event);
	return vzr_monotonic_us();
}

int vzr_stage_end(struct vzr_context *ctx, const char *name, uint64_t begun, int code)
{
	struct vzr_event event = { .type = VZR_EVENT_STAGE_END };

	event.u.stage.name = name;
	event.u.stage.code = code;
	event.u.stage.elapsed_us = vzr_monotonic_us() - begun;
	send_event(ctx, &event);
	return code;
}

void vzr_progress(struct vzr_context *ctx, const char *stage, uint64_t done_bytes,
		  uint64_t total_bytes)
{
	struct vzr_event event = { .type = VZR_EVENT_PROGRESS };

	event.u.progress.stage = stage;
	event.u.progress.done_bytes = done_bytes;
	event.u.progress.total_bytes = total_bytes;
	send_event(ctx, &event);
}

void vzr_choice(struct vzr_context *ctx, const char *what, const char *chosen, const char *reason)
{
	struct vzr_event event = { .type = VZR_EVENT_CHOICE };

	event.u.choice.what = what;
	event.u.choice.chosen = chosen;
	event.u.choice.reason = reason;
	send_event(ctx, &event);
}

static bool is_set(const atomic_int *flag)
{
	return atomic_load_explicit(flag, memory_order_relaxed) != 0;
}

int vzr_cancelled(struct vzr_context *ctx, struct vzr_error *err)
{
	if (!ctx || !(is_set(&ctx->cancelled) || (ctx->also && is_set(ctx->also))))
		return 0;
	return vzr_fail(err, -VZR_E_CANCELLED, "cancelled");
}
