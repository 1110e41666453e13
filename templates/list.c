/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of all templates that are cached or offered. */
#include "engine/base/cleanup.h"
#include "engine/base/path.h"
#include "templates/resolve.h"

#include <string.h>

static void free_template(void *item)
{
	vzr_template_free(item);
}

/* Moves what @artefact owns into a new template of @list. */
static int add_artefact(struct vzr_list *list, struct vzr_artefact *artefact, int64_t time)
{
	struct vzr_template *t = calloc(1, sizeof(*t));
	char text[VZR_DIGEST_TEXT];
	int r = 0;

	if (!t)
		return -ENOMEM;
	t->name = vzr_take_ptr(artefact->name);
	t->source = vzr_take_ptr(artefact->source);
	t->trust = vzr_take_ptr(artefact->trust);
	t->location = vzr_take_ptr(artefact->location);
	t->cached = artefact->cached;
	t->size_bytes = artefact->size_bytes;
	t->unpacked_kib = artefact->unpacked_kib;
	t->unpacked_inodes = artefact->unpacked_inodes;
	t->time = time;
	if (artefact->has_digest)
		r = vzr_set_text(&t->digest, "%s", vzr_digest_text(&artefact->digest, text));
	if (r == 0)
		r = vzr_list_add(list, t);
	if (r < 0)
		vzr_template_free(t);
	return r;
}

static int add_cached(struct vzr_search *search, struct vzr_list *list, struct vzr_list *names,
		      struct vzr_error *err)
{
	int r = vzr_store_name_list(search->catalogue->options.store, names, err);

	for (size_t i = 0; i < names->count && r >= 0; i++) {
		VZR_AUTO_NAME struct vzr_name record = { 0 };
		struct vzr_artefact *artefact;

		r = vzr_search_cached(search, names->items[i], &record, err);
		if (r <= 0)
			continue;
		artefact = vzr_artefact_cached(search->catalogue, &record);
		r = artefact ? add_artefact(list, artefact, record.time) : -ENOMEM;
		vzr_artefact_free(artefact);
		if (r < 0)
			return vzr_fail_code(err, r, "cannot list the templates");
	}
	return r < 0 ? r : 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct vzr_template *x = *(struct vzr_template *const *)a;
	const struct vzr_template *y = *(struct vzr_template *const *)b;
	int order = vzr_natural_compare(x->name, y->name);

	if (order == 0)
		order = (int)y->cached - (int)x->cached;
	return order != 0 ? order : strcmp(x->source, y->source);
}

static bool is_cached(const struct vzr_list *list, size_t n_cached, const char *name)
{
	for (size_t i = 0; i < n_cached; i++) {
		const struct vzr_template *t = list->items[i];

		if (strcmp(t->name, name) == 0)
			return true;
	}
	return false;
}

static int add_offered(struct vzr_source *source, struct vzr_list *list, size_t n_cached,
		       struct vzr_context *ctx)
{
	int r = 0;

	for (size_t i = 0; i < source->entries.count && r == 0; i++) {
		const struct vzr_entry *entry = &source->entries.items[i];
		struct vzr_error why = VZR_ERROR_INIT;
		struct vzr_artefact *artefact = NULL;

		if (entry->role != VZR_ENTRY_MAIN || is_cached(list, n_cached, entry->name))
			continue;
		if (vzr_artefact_offered(source, entry->name, entry, &artefact, &why) < 0) {
			vzr_warn(ctx, "template %s is not listed: %s", entry->name, why.msg);
			continue;
		}
		r = add_artefact(list, artefact, 0);
		vzr_artefact_free(artefact);
	}
	return r;
}

int vzr_catalogue_list(struct vzr_catalogue *catalogue, bool remote,
		       struct vzr_template ***ret_list, size_t *ret_count, struct vzr_error *err)
{
	struct vzr_search search = { .catalogue = catalogue, .name = "" };
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	struct vzr_list list = { 0 };
	size_t n_cached;
	int r = add_cached(&search, &list, &names, err);

	n_cached = list.count;
	for (size_t i = 0; i < catalogue->n_sources && r == 0; i++) {
		struct vzr_source *source = catalogue->sources[i];
		struct vzr_error why = VZR_ERROR_INIT;

		if (!vzr_search_asks(&search, source) || !(source->ops->local || remote))
			continue;
		r = vzr_source_load(source, &why);
		if (r == -VZR_E_CANCELLED) {
			if (err)
				*err = why;
			break;
		}
		if (r < 0)
			vzr_search_failed(&search, source, &why);
		r = add_offered(source, &list, n_cached, catalogue->options.ctx);
		if (r < 0)
			r = vzr_fail_code(err, r, "cannot list the templates");
	}
	if (r < 0) {
		vzr_list_done(&list, free_template);
		return r;
	}
	if (list.count)
		qsort(list.items, list.count, sizeof(void *), compare_names);
	*ret_list = (struct vzr_template **)list.items;
	*ret_count = list.count;
	return 0;
}
