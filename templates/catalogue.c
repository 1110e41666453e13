/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The catalogue: a name to an artefact, an artefact to a blob, and the list of all. */
#include "templates/catalogue.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"
#include "engine/base/time.h"
#include "templates/resolve.h"

#include <string.h>
#include <sys/utsname.h>

int vzr_catalogue_open(const struct vzr_catalogue_options *options,
		       struct vzr_catalogue **ret_catalogue, struct vzr_error *err)
{
	struct vzr_catalogue *catalogue = calloc(1, sizeof(*catalogue));
	struct utsname uts;
	int r;

	if (!catalogue)
		return vzr_fail_code(err, -ENOMEM, "cannot open the catalogue");
	catalogue->options = *options;
	if (uname(&uts) == 0)
		snprintf(catalogue->machine, sizeof(catalogue->machine), "%.64s", uts.machine);
	/* The setting may be any spelling: "amd64" is what Debian's users write. */
	catalogue->native =
		options->arch ? vzr_arch_canonical(VZR_ARCH_DEBIAN, options->arch) : NULL;
	if (!catalogue->native)
		catalogue->native =
			vzr_arch_native(options->arch ? options->arch : catalogue->machine);
	r = vzr_sources_read(&catalogue->options, &catalogue->sources, &catalogue->n_sources, err);
	if (r < 0) {
		vzr_catalogue_close(catalogue);
		return r;
	}
	*ret_catalogue = catalogue;
	return 0;
}

void vzr_catalogue_close(struct vzr_catalogue *catalogue)
{
	if (!catalogue)
		return;
	for (size_t i = 0; i < catalogue->n_sources; i++)
		vzr_source_destroy(catalogue->sources[i]);
	free(catalogue->sources);
	free(catalogue);
}

struct vzr_source *vzr_catalogue_source(const struct vzr_catalogue *catalogue, const char *name)
{
	for (size_t i = 0; i < catalogue->n_sources && name; i++)
		if (strcmp(catalogue->sources[i]->conf.name, name) == 0)
			return catalogue->sources[i];
	return NULL;
}

/* ---- artefacts ---- */

static void free_artefact(struct vzr_artefact **artefact)
{
	vzr_artefact_free(*artefact);
}
#define AUTO_ARTEFACT __attribute__((cleanup(free_artefact)))

static char *dup_or_null(const char *text)
{
	return text ? strdup(text) : NULL;
}

struct vzr_artefact *vzr_artefact_cached(const struct vzr_catalogue *catalogue,
					 const struct vzr_name *record)
{
	const struct vzr_source *source = vzr_catalogue_source(catalogue, record->source);
	AUTO_ARTEFACT struct vzr_artefact *artefact = calloc(1, sizeof(*artefact));

	if (!artefact)
		return NULL;
	artefact->name = strdup(record->name);
	artefact->source = strdup(record->source ? record->source : "cache");
	artefact->kind = strdup(source ? source->conf.kind : "cache");
	artefact->trust = dup_or_null(record->trust);
	artefact->location = dup_or_null(record->location);
	artefact->has_digest = true;
	artefact->digest = record->digest;
	artefact->size_bytes = record->size_bytes;
	artefact->cached = true;
	artefact->unpacked_kib = record->unpacked_kib;
	artefact->unpacked_inodes = record->unpacked_inodes;
	if (!artefact->name || !artefact->source || !artefact->kind ||
	    (record->trust && !artefact->trust) || (record->location && !artefact->location))
		return NULL;
	return vzr_take_ptr(artefact);
}

static bool in_store(struct vzr_store *store, const struct vzr_digest *digest)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;

	return digest->algo == VZR_SHA256 && vzr_store_blob_open(store, digest, &blob, NULL) == 0;
}

int vzr_artefact_offered(struct vzr_source *source, const char *name, const struct vzr_entry *entry,
			 struct vzr_artefact **ret_artefact, struct vzr_error *err)
{
	AUTO_ARTEFACT struct vzr_artefact *artefact = calloc(1, sizeof(*artefact));
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	int r;

	if (artefact) {
		artefact->name = strdup(name);
		artefact->source = strdup(source->conf.name);
		artefact->kind = strdup(source->conf.kind);
	}
	if (!artefact || !artefact->name || !artefact->source || !artefact->kind)
		return vzr_fail_code(err, -ENOMEM, "template %s", name);
	r = source->ops->describe(source, entry, artefact, err);
	if (r < 0)
		return r;
	artefact->cached =
		artefact->has_digest && in_store(source->options->store, &artefact->digest);
	if (artefact->cached &&
	    vzr_store_name_get(source->options->store, name, &record, NULL) == 0 &&
	    vzr_digest_equal(&record.digest, &artefact->digest)) {
		artefact->size_bytes = record.size_bytes;
		artefact->unpacked_kib = record.unpacked_kib;
		artefact->unpacked_inodes = record.unpacked_inodes;
	}
	*ret_artefact = vzr_take_ptr(artefact);
	return 0;
}

/* ---- the search ---- */

bool vzr_search_asks(const struct vzr_search *search, const struct vzr_source *source)
{
	return source->conf.enabled &&
	       (!search->only[0] || strcmp(search->only, source->conf.name) == 0);
}

/* Of two failures the one to report: what was refused, then what could not be reached. */
static int gravity(int code)
{
	if (code == 0)
		return -1;
	if (code == -VZR_E_NOT_FOUND || code == -VZR_E_UNSUPPORTED)
		return 0;
	return vzr_is_offline(code) ? 1 : 2;
}

void vzr_search_failed(struct vzr_search *search, const struct vzr_source *source,
		       const struct vzr_error *why)
{
	struct vzr_context *ctx = search->catalogue->options.ctx;

	if (gravity(why->code) > gravity(search->failure.code))
		search->failure = *why;
	if (search->reported)
		return;
	if (source->ops->local && gravity(why->code) == 0)
		vzr_debug(ctx, "%s", why->msg);
	else
		vzr_warn(ctx, "%s", why->msg);
}

/* Was it cached under a policy that its source's file does not state any more? */
static bool is_outgrown(const struct vzr_source *source, const struct vzr_name *record)
{
	const struct vzr_source_conf *conf = &source->conf;

	if (!record->trust || source->ops->local)
		return false;
	return (strstr(record->trust, VZR_NONE_MARK) && conf->trust != VZR_TRUST_NONE) ||
	       (strstr(record->trust, VZR_WEAK_MARK) && !conf->weak_digests);
}

int vzr_search_cached(struct vzr_search *search, const char *name, struct vzr_name *ret_record,
		      struct vzr_error *err)
{
	const struct vzr_catalogue *catalogue = search->catalogue;
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	struct vzr_error why = VZR_ERROR_INIT;
	struct vzr_source *source;
	int r = vzr_store_name_get(catalogue->options.store, name, &record, &why);

	if (r == -VZR_E_NOT_FOUND)
		return 0;
	if (r == -VZR_E_CONFIG) {
		/* A damaged record costs a download, not the answer. */
		vzr_warn(catalogue->options.ctx, "%s", why.msg);
		return 0;
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	if (search->only[0] && (!record.source || strcmp(search->only, record.source) != 0))
		return 0;
	if (!in_store(catalogue->options.store, &record.digest))
		return 0;
	source = vzr_catalogue_source(catalogue, record.source);
	if (source && source->conf.enabled && source->ops->changed &&
	    source->ops->changed(source, &record)) {
		vzr_info(catalogue->options.ctx, "template %s: %s has changed since it was cached",
			 name, record.location ? record.location : "its source");
		return 0;
	}
	if (source && is_outgrown(source, &record)) {
		vzr_warn(catalogue->options.ctx,
			 "template %s in the cache is not used: %s, and the source asks for more "
			 "now",
			 name, record.trust);
		return 0;
	}
	*ret_record = record;
	record = (struct vzr_name){ 0 };
	return 1;
}

static int find_cached(struct vzr_search *search, struct vzr_artefact **ret_artefact,
		       struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	int r = vzr_search_cached(search, search->name, &record, err);

	if (r <= 0)
		return r < 0 ? r : -VZR_E_NOT_FOUND;
	*ret_artefact = vzr_artefact_cached(search->catalogue, &record);
	return *ret_artefact ? 0 : vzr_fail_code(err, -ENOMEM, "template %s", search->name);
}

static int find_offered(struct vzr_search *search, struct vzr_artefact **ret_artefact,
			struct vzr_error *err)
{
	const struct vzr_catalogue *catalogue = search->catalogue;

	for (size_t i = 0; i < catalogue->n_sources; i++) {
		struct vzr_source *source = catalogue->sources[i];
		struct vzr_error why = VZR_ERROR_INIT;
		int r;

		if (!vzr_search_asks(search, source))
			continue;
		r = vzr_source_load(source, &why);
		if (r == 0)
			r = vzr_artefact_offered(source, search->name,
						 vzr_entries_find(&source->entries, search->name),
						 ret_artefact, &why);
		if (r == 0)
			return 0;
		if (r == -VZR_E_CANCELLED) {
			if (err)
				*err = why;
			return r;
		}
		if (source->load_code < 0 || r != -VZR_E_NOT_FOUND)
			vzr_search_failed(search, source, &why);
	}
	return -VZR_E_NOT_FOUND;
}

/* "SOURCE:NAME" into search->only and search->name. */
static int split_source(struct vzr_search *search, const char *name, struct vzr_error *err)
{
	const char *colon = strchr(name, ':');
	const struct vzr_source *source;

	search->name = name;
	if (!colon)
		return 0;
	snprintf(search->only, sizeof(search->only), "%.*s", (int)(colon - name), name);
	search->name = colon + 1;
	source = vzr_catalogue_source(search->catalogue, search->only);
	if (!source)
		return vzr_fail(err, -VZR_E_NOT_FOUND,
				"there is no source '%s' for template '%s': it would be %s/%s.conf",
				search->only, search->name, search->catalogue->options.sources_dir,
				search->only);
	if (!source->conf.enabled)
		return vzr_fail(err, -VZR_E_NOT_FOUND,
				"source '%s' is disabled: enabled=yes in %s enables it",
				search->only, source->conf.file);
	return vzr_name_check("template name", search->name, err);
}

/* Trust that is weak by the site's own choice is said at every use. */
static void report(struct vzr_context *ctx, const struct vzr_artefact *artefact)
{
	const char *trust = artefact->trust ? artefact->trust : "not known";

	if (strstr(trust, VZR_NONE_MARK) || strstr(trust, VZR_WEAK_MARK))
		vzr_warn(ctx, "template %s: %s", artefact->name, trust);
	vzr_choice(ctx, "source", artefact->source, trust);
}

/* Exactly this name first, then the best that it could mean. */
static int find(struct vzr_search *search, struct vzr_artefact **ret_artefact,
		struct vzr_error *err)
{
	bool refresh = search->flags & VZR_RESOLVE_REFRESH;
	int r = refresh ? -VZR_E_NOT_FOUND : find_cached(search, ret_artefact, err);

	if (r == -VZR_E_NOT_FOUND)
		r = find_offered(search, ret_artefact, err);
	search->reported = true;
	/* With a refresh the cache has the last word, when no source knows the name any more. */
	if (r == -VZR_E_NOT_FOUND && refresh && search->failure.code == 0)
		r = find_cached(search, ret_artefact, err);
	if (r == -VZR_E_NOT_FOUND)
		r = vzr_search_partial(search, ret_artefact, err);
	return r == -VZR_E_NOT_FOUND ? vzr_search_nothing(search, err) : r;
}

static int begin(struct vzr_search *search, const char *name, struct vzr_error *err)
{
	int r = vzr_name_check("template name", name, err);

	return r == 0 ? split_source(search, name, err) : r;
}

int vzr_catalogue_resolve(struct vzr_catalogue *catalogue, const char *name, unsigned int flags,
			  struct vzr_artefact **ret_artefact, struct vzr_error *err)
{
	struct vzr_search search = { .catalogue = catalogue, .flags = flags };
	struct vzr_artefact *artefact = NULL;
	int r = begin(&search, name, err);

	if (r == 0)
		r = find(&search, &artefact, err);
	if (r < 0)
		return r;
	report(catalogue->options.ctx, artefact);
	*ret_artefact = artefact;
	return 0;
}

static const char *why_chosen(const struct vzr_search *search, const struct vzr_artefact *artefact)
{
	bool exact = strcmp(search->name, artefact->name) == 0;

	if (artefact->cached)
		return exact ? "exactly this name, in the cache" : "the best match, in the cache";
	return exact ? "exactly this name, in the source that is asked first"
		     : "the best match: its version as asked for or the newest, the native "
		       "architecture, no words that were not asked for";
}

int vzr_catalogue_explain(struct vzr_catalogue *catalogue, const char *name, vzr_candidate_fn fn,
			  void *data, struct vzr_error *err)
{
	struct vzr_search search = { .catalogue = catalogue };
	AUTO_ARTEFACT struct vzr_artefact *artefact = NULL;
	struct vzr_error why = VZR_ERROR_INIT;
	int found, r = begin(&search, name, err);

	if (r < 0)
		return r;
	found = find(&search, &artefact, &why);
	if (found == 0)
		fn(data, &(struct vzr_candidate){ .name = artefact->name,
						  .source = artefact->source,
						  .trust = artefact->trust,
						  .cached = artefact->cached,
						  .chosen = true,
						  .reason = why_chosen(&search, artefact) });
	else if (found != -VZR_E_AMBIGUOUS && err)
		*err = why;
	if (found < 0 && found != -VZR_E_AMBIGUOUS)
		return found;
	r = vzr_search_others(&search, artefact, fn, data, err);
	if (r == 0 && found < 0 && err)
		*err = why;
	return r < 0 ? r : found;
}

/* ---- bytes ---- */

/* Opens what the store has already under the artefact's digest. 1, 0 or < 0. */
static int open_known(struct vzr_catalogue *catalogue, const struct vzr_artefact *artefact,
		      const struct vzr_name *old, struct vzr_blob *ret_blob, struct vzr_error *err)
{
	struct vzr_store *store = catalogue->options.store;
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_digest digest;
	uint64_t size;
	int r;

	if (!artefact->has_digest || (artefact->digest.algo == VZR_SHA512 && !old->name))
		return 0;
	r = vzr_store_blob_open(store,
				artefact->digest.algo == VZR_SHA256 ? &artefact->digest
								    : &old->digest,
				&blob, err);
	if (r == -VZR_E_NOT_FOUND)
		return 0;
	/* Blobs are known by SHA-256 alone: with another digest the bytes are read again. */
	if (r == 0 && artefact->digest.algo == VZR_SHA512) {
		r = vzr_digest_of_fd(VZR_SHA512, blob.fd, &digest, &size, err);
		if (r == 0 && !vzr_digest_equal(&digest, &artefact->digest))
			return 0;
		if (r == 0 && lseek(blob.fd, 0, SEEK_SET) < 0)
			r = vzr_fail_errno(err, "cannot rewind %s", artefact->name);
	}
	if (r < 0)
		return r;
	*ret_blob = blob;
	blob.fd = -1;
	return 1;
}

static int get_new(struct vzr_catalogue *catalogue, const struct vzr_artefact *artefact,
		   struct vzr_intake *intake, struct vzr_blob *ret_blob, struct vzr_error *err)
{
	struct vzr_source *source = vzr_catalogue_source(catalogue, artefact->source);
	struct vzr_digest sha256;
	int r;

	if (!source || artefact->cached)
		return vzr_fail(err, -VZR_E_NOT_FOUND,
				"the bytes of template %s are no longer in the cache",
				artefact->name);
	r = source->ops->fetch(source, artefact, intake, &sha256, err);
	if (r < 0)
		return r;
	return vzr_store_blob_open(catalogue->options.store, &sha256, ret_blob, err);
}

static int fill_record(const struct vzr_artefact *artefact, struct vzr_name *record)
{
	record->name = strdup(artefact->name);
	record->source = strdup(artefact->source);
	record->trust = dup_or_null(artefact->trust);
	record->location = dup_or_null(artefact->location);
	return record->name && record->source && (record->trust || !artefact->trust) &&
			       (record->location || !artefact->location)
		       ? 0
		       : -ENOMEM;
}

/* What is known of the same bytes is taken over; else they are looked at. */
static int admit_known(struct vzr_catalogue *catalogue, const struct vzr_name *old,
		       const struct vzr_blob *blob, struct vzr_name *record, struct vzr_error *err)
{
	if (old->name && vzr_digest_equal(&old->digest, &blob->digest) && old->unpacked_inodes) {
		record->compression = dup_or_null(old->compression);
		record->unpacked_kib = old->unpacked_kib;
		record->unpacked_inodes = old->unpacked_inodes;
		return 0;
	}
	if (!catalogue->options.admit)
		return 0;
	return catalogue->options.admit(catalogue->options.admit_data, blob->fd, record, err);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_record(const struct vzr_name *a, const struct vzr_name *b)
{
	return a->name && vzr_digest_equal(&a->digest, &b->digest) &&
	       same_text(a->source, b->source) && same_text(a->trust, b->trust) &&
	       same_text(a->location, b->location) && a->unpacked_inodes == b->unpacked_inodes &&
	       a->unpacked_kib == b->unpacked_kib;
}

int vzr_catalogue_fetch(struct vzr_catalogue *catalogue, const struct vzr_artefact *artefact,
			struct vzr_blob *ret_blob, struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	VZR_AUTO_NAME struct vzr_name old = { 0 };
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_intake intake = { .options = &catalogue->options, .record = &record };
	bool known;
	int r = fill_record(artefact, &record);

	if (r < 0)
		return vzr_fail_code(err, r, "template %s", artefact->name);
	/* Without an old record, or with a damaged one, everything is looked at anew. */
	if (vzr_store_name_get(catalogue->options.store, artefact->name, &old, NULL) < 0)
		old = (struct vzr_name){ 0 };
	r = open_known(catalogue, artefact, &old, &blob, err);
	known = r == 1;
	if (r == 0)
		r = get_new(catalogue, artefact, &intake, &blob, err);
	if (r >= 0 && !intake.admitted)
		r = admit_known(catalogue, &old, &blob, &record, err);
	if (r < 0)
		return vzr_wrap(err, r, "template %s", artefact->name);
	record.digest = blob.digest;
	record.size_bytes = blob.size_bytes;
	record.time = vzr_now();
	if (!same_record(&old, &record))
		r = vzr_store_name_put(catalogue->options.store, &record, err);
	if (r < 0)
		return r;
	*ret_blob = blob;
	blob.fd = -1;
	return known;
}
