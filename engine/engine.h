/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's own state: what its files share. */
#pragma once

#include "cache/fetch.h"
#include "cache/store.h"
#include "engine/settings.h"
#include "templates/catalogue.h"

struct vzr_stream;

/** Borrows the settings, owns the rest. */
struct vzr_engine {
	struct vzr_context ctx;		      /**< handed to every layer */
	const struct vzr_settings *settings; /**< the caller's; outlive the engine */
	struct vzr_store *store;	 /**< NULL until vzr_engine_catalogue() */
	struct vzr_fetcher *fetcher;	 /**< NULL until vzr_engine_catalogue() */
	struct vzr_catalogue *catalogue; /**< NULL until vzr_engine_catalogue() */
	struct vzr_stream *stream; /**< the unpacking beside the running download, or NULL */
	struct vzr_tap tap;	   /**< leads downloads to @stream */
};

/** Opens store, fetcher and catalogue on first use; commands that need none stay fast. */
VZR_MUST_CHECK int vzr_engine_catalogue(struct vzr_engine *engine, struct vzr_error *err);

/**
 * What dead owners left of containers is undone or completed, before other work begins: the count.
 * What cannot be cleaned up now is a warning and stands in nobody's way; negative if cancelled.
 */
VZR_MUST_CHECK int vzr_recover_containers(struct vzr_engine *engine, struct vzr_error *err);

/** The same for the template cache, and for TEMPLATE/cache; the catalogue is open afterwards. */
VZR_MUST_CHECK int vzr_recover_cache(struct vzr_engine *engine, struct vzr_error *err);

/** A vzr_admit_fn; @data is the engine. In template.c. */
int vzr_template_admit(void *data, int fd, struct vzr_name *record, struct vzr_error *err);

/** "sha256:HEX" of @digest as the caller's own text, or NULL when out of memory. */
char *vzr_digest_dup(const struct vzr_digest *digest);
