/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Templates as the public interface offers them: over the catalogue, the store and the unpacker. */
#include "engine/base/cleanup.h"
#include "engine/base/path.h"
#include "engine/base/time.h"
#include "engine/engine.h"
#include "engine/publish.h"
#include "engine/stream.h"
#include "engine/unpack/unpack.h"

#include <string.h>
#include <sys/stat.h>

static char *dup_or_null(const char *text)
{
	return text ? strdup(text) : NULL;
}

int vzr_template_list(struct vzr_engine *engine, bool remote, struct vzr_template ***ret_list,
		      size_t *ret_count, struct vzr_error *err)
{
	int r = vzr_engine_catalogue(engine, err);

	return r < 0 ? r
		     : vzr_catalogue_list(engine->catalogue, remote, ret_list, ret_count, err);
}

static struct vzr_template *from_artefact(const struct vzr_artefact *artefact)
{
	struct vzr_template *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->name = dup_or_null(artefact->name);
	t->source = dup_or_null(artefact->source);
	t->digest = artefact->has_digest ? vzr_digest_dup(&artefact->digest) : NULL;
	t->trust = dup_or_null(artefact->trust);
	t->location = dup_or_null(artefact->location);
	t->cached = artefact->cached;
	t->size_bytes = artefact->size_bytes;
	t->unpacked_kib = artefact->unpacked_kib;
	t->unpacked_inodes = artefact->unpacked_inodes;
	return t;
}

static int from_name(const struct vzr_name *name, struct vzr_template **ret_template,
		     struct vzr_error *err)
{
	struct vzr_template *t = calloc(1, sizeof(*t));

	if (!t)
		return vzr_fail_code(err, -ENOMEM, "cannot describe the template");
	t->name = dup_or_null(name->name);
	t->source = dup_or_null(name->source);
	t->digest = vzr_digest_dup(&name->digest);
	t->trust = dup_or_null(name->trust);
	t->location = dup_or_null(name->location);
	t->cached = true;
	t->size_bytes = name->size_bytes;
	t->unpacked_kib = name->unpacked_kib;
	t->unpacked_inodes = name->unpacked_inodes;
	t->time = name->time;
	*ret_template = t;
	return 0;
}

int vzr_template_show(struct vzr_engine *engine, const char *name,
		      struct vzr_template **ret_template, struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name cached = { 0 };
	struct vzr_artefact *artefact = NULL;
	int r = vzr_engine_catalogue(engine, err);

	if (r == 0)
		r = vzr_catalogue_resolve(engine->catalogue, name, 0, &artefact, err);
	if (r < 0)
		return r;
	if (artefact->cached &&
	    vzr_store_name_get(engine->store, artefact->name, &cached, NULL) == 0) {
		r = from_name(&cached, ret_template, err);
	} else {
		*ret_template = from_artefact(artefact);
		r = *ret_template ? 0 : vzr_fail_code(err, -ENOMEM, "cannot describe %s", name);
	}
	vzr_artefact_free(artefact);
	return r;
}

int vzr_template_explain(struct vzr_engine *engine, const char *name, vzr_candidate_fn fn,
			 void *data, struct vzr_error *err)
{
	int r = vzr_engine_catalogue(engine, err);

	return r < 0 ? r : vzr_catalogue_explain(engine->catalogue, name, fn, data, err);
}

/* Reads the whole archive as an unpacking would. */
static int measure(struct vzr_engine *engine, int fd, const char *label,
		   struct vzr_unpack_result *ret_result, struct vzr_error *err)
{
	const struct vzr_unpack_job job = {
		.ctx = &engine->ctx,
		.archive_fd = fd,
		.tree_fd = -1,
		.label = label,
	};
	uint64_t begun = vzr_stage_begin(&engine->ctx, "admit");

	return vzr_stage_end(&engine->ctx, "admit", begun, vzr_unpack(&job, ret_result, err));
}

/*
 * A damaged or refused archive is known when it is pulled and not when a container is made, and
 * the sizes are kept for plans. Where a container is being made of it meanwhile, that tells.
 */
int vzr_template_admit(void *data, int fd, struct vzr_name *record, struct vzr_error *err)
{
	struct vzr_engine *engine = data;
	struct vzr_unpack_result result = { 0 };
	struct stat st;
	int r = fstat(fd, &st) < 0 ? vzr_fail_errno(err, "cannot look at %s", record->name)
				   : vzr_stream_end(engine->stream, (uint64_t)st.st_size, err);

	if (r == 1)
		result = engine->stream->result;
	else if (r == 0)
		r = measure(engine, fd, record->name, &result, err);
	if (r < 0)
		return r;
	record->unpacked_kib = result.kib;
	record->unpacked_inodes = result.inodes;
	free(record->compression);
	record->compression = strdup(result.compression);
	return record->compression ? 0 : vzr_fail_code(err, -ENOMEM, "cannot keep the sizes");
}

static int finish_pull(struct vzr_engine *engine, const char *name, const struct vzr_blob *blob,
		       unsigned int flags, struct vzr_template **ret_template,
		       struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	int r = vzr_store_name_get(engine->store, name, &record, err);

	if (r == 0 && flags & VZR_PULL_PUBLISH)
		r = vzr_publish_openvz(engine->settings, blob, &record, err);
	return r < 0 ? r : from_name(&record, ret_template, err);
}

int vzr_template_pull(struct vzr_engine *engine, const char *name, unsigned int flags,
		      struct vzr_template **ret_template, struct vzr_error *err)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_artefact *artefact = NULL;
	uint64_t begun;
	int r = vzr_recover_containers(engine, err), fetched;

	if (r >= 0)
		r = vzr_recover_cache(engine, err);
	if (r == 0)
		r = vzr_catalogue_resolve(engine->catalogue, name,
					  flags & VZR_PULL_REFRESH ? VZR_RESOLVE_REFRESH : 0,
					  &artefact, err);
	if (r < 0)
		return r;
	begun = vzr_stage_begin(&engine->ctx, "fetch");
	fetched = vzr_catalogue_fetch(engine->catalogue, artefact, &blob, err);
	(void)vzr_stage_end(&engine->ctx, "fetch", begun, fetched < 0 ? fetched : 0);
	r = fetched < 0 ? fetched
			: finish_pull(engine, artefact->name, &blob, flags, ret_template, err);
	vzr_artefact_free(artefact);
	return r < 0 ? r : fetched;
}

/* An import on its way through the store: its record is filled in when it is admitted. */
struct import {
	struct vzr_engine *engine;
	struct vzr_name *record;
};

static int admit_import(void *data, int fd, uint64_t size_bytes, struct vzr_error *err)
{
	struct import *import = data;

	import->record->size_bytes = size_bytes;
	return vzr_template_admit(import->engine, fd, import->record, err);
}

static int check_import(const char *name, const char *sha256_hex, struct vzr_digest *ret_promised,
			struct vzr_error *err)
{
	int r = vzr_name_check("template name", name, err);

	if (r == 0 && strchr(name, ':'))
		r = vzr_fail(err, -VZR_E_INPUT, "template name '%s' has a ':' in it", name);
	if (r < 0 || !sha256_hex)
		return r;
	r = vzr_digest_parse(sha256_hex, ret_promised, err);
	if (r == 0 && ret_promised->algo != VZR_SHA256)
		r = vzr_fail(err, -VZR_E_INPUT, "'%s' is not a SHA-256 of 64 hex digits",
			     sha256_hex);
	return r;
}

int vzr_template_import(struct vzr_engine *engine, int fd, const char *name,
			const char *sha256_hex, struct vzr_template **ret_template,
			struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = {
		.name = strdup(name),
		.source = strdup("import"),
		.trust = strdup(sha256_hex ? "imported by the administrator with its SHA-256"
					   : "imported by the administrator"),
		.location = strdup("import"),
		.time = vzr_now(),
	};
	struct import import = { .engine = engine, .record = &record };
	struct vzr_digest promised;
	const struct vzr_blob_terms terms = {
		.digest = sha256_hex ? &promised : NULL,
		.verify = admit_import,
		.verify_data = &import,
	};
	int r = check_import(name, sha256_hex, &promised, err);

	if (r == 0 && (!record.name || !record.source || !record.trust || !record.location))
		r = vzr_fail_code(err, -ENOMEM, "cannot import %s", name);
	if (r == 0)
		r = vzr_recover_containers(engine, err);
	if (r >= 0)
		r = vzr_recover_cache(engine, err);
	if (r == 0)
		r = vzr_store_blob_add(engine->store, fd, &terms, &record.digest, err);
	if (r == -VZR_E_DIGEST)
		return vzr_wrap(err, r, "%s", name);
	if (r == 0)
		r = vzr_store_name_put(engine->store, &record, err);
	return r < 0 ? r : from_name(&record, ret_template, err);
}

int vzr_template_verify(struct vzr_engine *engine, const char *name, struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	int r = vzr_engine_catalogue(engine, err);

	if (r == 0)
		r = vzr_store_name_get(engine->store, name, &record, err);
	if (r < 0)
		return r;
	r = vzr_store_blob_verify(engine->store, &record.digest, err);
	return r < 0 ? vzr_wrap(err, r, "template %s", name) : 0;
}

int vzr_template_remove(struct vzr_engine *engine, const char *name, struct vzr_error *err)
{
	int r = vzr_engine_catalogue(engine, err);

	return r < 0 ? r : vzr_store_name_remove(engine->store, name, err);
}
