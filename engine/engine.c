/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine: what a process opens once, and what it can tell about itself. */
#include "engine/engine.h"

#include "config.h"
#include "engine/area/area.h"
#include "engine/base/cleanup.h"
#include "engine/handoff/handoff.h"
#include "engine/quota/quota.h"
#include "engine/stream.h"

#include <string.h>

int vzr_engine_new(const struct vzr_settings *settings, vzr_event_fn fn, void *data,
		   struct vzr_engine **ret_engine, struct vzr_error *err)
{
	struct vzr_engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return vzr_fail_code(err, -ENOMEM, "cannot make an engine");
	engine->settings = settings;
	engine->ctx.fn = fn;
	engine->ctx.data = data;
	*ret_engine = engine;
	return 0;
}

void vzr_engine_free(struct vzr_engine *engine)
{
	if (!engine)
		return;
	vzr_catalogue_close(engine->catalogue);
	vzr_fetcher_free(engine->fetcher);
	vzr_store_close(engine->store);
	free(engine);
}

void vzr_cancel(struct vzr_engine *engine)
{
	atomic_store_explicit(&engine->ctx.cancelled, 1, memory_order_relaxed);
}

static int open_fetcher(struct vzr_engine *engine, struct vzr_error *err)
{
	const struct vzr_settings *s = engine->settings;
	const struct vzr_fetch_options options = {
		.root_fd = vzr_settings_root_fd(s),
		.http_proxy = vzr_settings_get(s, "HTTP_PROXY"),
		.https_proxy = vzr_settings_get(s, "HTTPS_PROXY"),
		.no_proxy = vzr_settings_get(s, "NO_PROXY"),
		.ca_file = vzr_settings_get(s, "CA_FILE"),
		.netrc_file = vzr_settings_get(s, "NETRC_FILE"),
		.connect_timeout_s = (unsigned int)vzr_setting_number(s, "CONNECT_TIMEOUT"),
		.low_speed_s = (unsigned int)vzr_setting_number(s, "LOW_SPEED_TIME"),
		.retries = (unsigned int)vzr_setting_number(s, "RETRIES"),
		.backoff_ms = (unsigned int)vzr_setting_number(s, "BACKOFF_MS"),
	};

	return vzr_fetcher_new(&options, &engine->ctx, &engine->fetcher, err);
}

int vzr_engine_catalogue(struct vzr_engine *engine, struct vzr_error *err)
{
	const struct vzr_settings *s = engine->settings;
	struct vzr_catalogue_options options = {
		.root_fd = vzr_settings_root_fd(s),
		.sources_dir = vzr_setting(s, "SOURCES_DIR"),
		.keys_dir = vzr_setting(s, "KEYS_DIR"),
		.template_dir = vzr_setting(s, "TEMPLATE"),
		.download_conf = vzr_setting(s, "DOWNLOAD_CONF"),
		.busybox = vzr_setting(s, "BUSYBOX"),
		.arch = vzr_settings_get(s, "ARCH"),
		.ctx = &engine->ctx,
		.admit = vzr_template_admit,
		.admit_data = engine,
		.tap = &engine->tap,
	};
	int r = 0;

	if (engine->catalogue)
		return 0;
	if (!engine->store)
		r = vzr_store_open(vzr_settings_root_fd(s), vzr_setting(s, "CACHE_DIR"),
				   &engine->ctx, &engine->store, err);
	if (r == 0 && !engine->fetcher)
		r = open_fetcher(engine, err);
	if (r < 0)
		return r;
	engine->tap = (struct vzr_tap){ .add = vzr_stream_add,
					.restart = vzr_stream_restart,
					.data = &engine->stream };
	options.store = engine->store;
	options.fetcher = engine->fetcher;
	return vzr_catalogue_open(&options, &engine->catalogue, err);
}

const char *vzr_version(void)
{
	return VZR_VERSION;
}

const char *vzr_features(void)
{
	return VZR_FEATURES;
}

int vzr_backend_get(enum vzr_backend_kind kind, size_t index, const char **ret_name,
		    const char **ret_summary)
{
	const struct vzr_area_ops *area;
	const struct vzr_quota_ops *quota;
	const struct vzr_handoff_ops *handoff;

#define ANSWER(ops)                                                                                \
	if (!(ops))                                                                                \
		return -VZR_E_NOT_FOUND;                                                           \
	*ret_name = (ops)->name;                                                                   \
	*ret_summary = (ops)->summary;                                                             \
	return 0

	switch (kind) {
	case VZR_BACKEND_SOURCE:
		return vzr_source_kind(index, ret_name, ret_summary) ? 0 : -VZR_E_NOT_FOUND;
	case VZR_BACKEND_AREA:
		area = vzr_area_get(index);
		ANSWER(area);
	case VZR_BACKEND_QUOTA:
		quota = vzr_quota_get(index);
		ANSWER(quota);
	case VZR_BACKEND_HANDOFF:
		handoff = vzr_handoff_get(index);
		ANSWER(handoff);
	}
#undef ANSWER
	return -VZR_E_NOT_FOUND;
}

char *vzr_digest_dup(const struct vzr_digest *digest)
{
	char text[VZR_DIGEST_TEXT];

	return strdup(vzr_digest_text(digest, text));
}
