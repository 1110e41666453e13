/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Partial names: every candidate of the cache and the sources, and the best of them. */
#include "templates/resolve.h"

#include "engine/base/cleanup.h"

#include <string.h>

#define LISTED 8 /* candidates named in a message */
#define CLOSE 3

struct candidate {
	char *name;
	struct vzr_name_parts parts;
	struct vzr_source *source; /* NULL: in the cache */
	const struct vzr_entry *entry;
	struct vzr_name record; /* of a cached one */
};

/* The candidates so far, and what they must match. */
struct selection {
	struct vzr_search *search;
	struct vzr_name_parts wanted;
	struct vzr_list list;
};

static void free_candidate(void *item)
{
	struct candidate *candidate = item;

	free(candidate->name);
	vzr_name_parts_done(&candidate->parts);
	vzr_name_done(&candidate->record);
	free(candidate);
}

static void selection_done(struct selection *selection)
{
	vzr_list_done(&selection->list, free_candidate);
	vzr_name_parts_done(&selection->wanted);
}

/* Takes @record over if the candidate is one. 0, or -ENOMEM. */
static int consider(struct selection *selection, const char *name, enum vzr_arch_names names,
		    struct candidate like)
{
	const struct vzr_catalogue *catalogue = selection->search->catalogue;
	VZR_AUTO_NAME_PARTS struct vzr_name_parts parts = { 0 };
	struct candidate *candidate;
	int r = vzr_name_split(name, names, &parts);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (!vzr_name_matches(&selection->wanted, catalogue->native, &parts))
		return 0;
	candidate = calloc(1, sizeof(*candidate));
	if (!candidate)
		return -ENOMEM;
	*candidate = like;
	candidate->name = strdup(name);
	candidate->parts = parts;
	parts = (struct vzr_name_parts){ 0 };
	r = candidate->name ? vzr_list_add(&selection->list, candidate) : -ENOMEM;
	if (r < 0) {
		candidate->record = (struct vzr_name){ 0 };
		free_candidate(candidate);
	}
	return r < 0 ? r : 1;
}

/* Cheap test before a name is split: it begins with the distribution that is wanted. */
static bool may_match(const struct selection *selection, const char *name)
{
	const char *distro = selection->wanted.distro;

	return strncmp(name, distro, strlen(distro)) == 0;
}

static int add_cached(struct selection *selection, struct vzr_error *err)
{
	struct vzr_search *search = selection->search;
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	int r = vzr_store_name_list(search->catalogue->options.store, &names, err);

	for (size_t i = 0; i < names.count && r >= 0; i++) {
		VZR_AUTO_NAME struct vzr_name record = { 0 };
		const char *name = names.items[i];
		const struct vzr_source *source;

		if (!may_match(selection, name))
			continue;
		r = vzr_search_cached(search, name, &record, err);
		if (r <= 0)
			continue;
		source = vzr_catalogue_source(search->catalogue, record.source);
		r = consider(selection, name, source ? source->conf.arch_names : VZR_ARCH_DEBIAN,
			     (struct candidate){ .record = record });
		if (r == 1)
			record = (struct vzr_name){ 0 };
	}
	return r < 0 ? r : 0;
}

static int add_offered(struct selection *selection, struct vzr_error *err)
{
	struct vzr_search *search = selection->search;
	const struct vzr_catalogue *catalogue = search->catalogue;
	int r = 0;

	for (size_t i = 0; i < catalogue->n_sources && r >= 0; i++) {
		struct vzr_source *source = catalogue->sources[i];
		struct vzr_error why = VZR_ERROR_INIT;

		if (!vzr_search_asks(search, source))
			continue;
		r = vzr_source_load(source, &why);
		if (r == -VZR_E_CANCELLED && err)
			*err = why;
		if (r == -VZR_E_CANCELLED)
			return r;
		if (r < 0)
			vzr_search_failed(search, source, &why);
		r = 0;
		for (size_t j = 0; j < source->entries.count && r >= 0; j++) {
			const struct vzr_entry *entry = &source->entries.items[j];

			if (entry->role != VZR_ENTRY_EXACT && may_match(selection, entry->name))
				r = consider(selection, entry->name, source->conf.arch_names,
					     (struct candidate){ .source = source,
								 .entry = entry });
		}
	}
	return r < 0 ? r : 0;
}

/* The best one; of several with its name the first, which the cache or a higher priority has. */
static const struct candidate *best_of(const struct selection *selection)
{
	const struct candidate *best = selection->list.items[0];

	for (size_t i = 1; i < selection->list.count; i++) {
		const struct candidate *candidate = selection->list.items[i];

		if (vzr_name_prefer(&selection->wanted, &candidate->parts, &best->parts) > 0)
			best = candidate;
	}
	return best;
}

/* Refuses if another name is as good as @best. */
static int check_single(const struct selection *selection, const struct candidate *best,
			struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf text = { 0 };
	unsigned int count = 0;
	int r = 0;

	for (size_t i = 0; i < selection->list.count && r == 0; i++) {
		const struct candidate *candidate = selection->list.items[i];

		if (candidate == best || strcmp(candidate->name, best->name) == 0 ||
		    vzr_name_prefer(&selection->wanted, &best->parts, &candidate->parts) != 0)
			continue;
		if (++count < LISTED)
			r = vzr_buf_printf(&text, ", %s", candidate->name);
	}
	if (r < 0)
		return vzr_fail_code(err, r, "template %s", selection->search->name);
	if (count == 0)
		return 0;
	return vzr_fail(err, -VZR_E_AMBIGUOUS,
			"template name '%s' can mean %u templates: %s%s%s; say which",
			selection->search->name, count + 1, best->name, vzr_buf_cstr(&text),
			count >= LISTED ? ", ..." : "");
}

/* Everything that matches, those first that are asked first. */
static int collect(struct selection *selection, struct vzr_error *err)
{
	const struct vzr_search *search = selection->search;
	bool refresh = search->flags & VZR_RESOLVE_REFRESH;
	int r = vzr_name_split(search->name, VZR_ARCH_DEBIAN, &selection->wanted);

	if (r == -VZR_E_INPUT)
		return -VZR_E_NOT_FOUND;
	if (r == 0 && !refresh)
		r = add_cached(selection, err);
	if (r == 0)
		r = add_offered(selection, err);
	if (r == 0 && refresh)
		r = add_cached(selection, err);
	return r == -ENOMEM ? vzr_fail_code(err, r, "template %s", search->name) : r;
}

int vzr_search_partial(struct vzr_search *search, struct vzr_artefact **ret_artefact,
		       struct vzr_error *err)
{
	__attribute__((cleanup(selection_done))) struct selection selection = { .search = search };
	const struct candidate *best;
	int r = collect(&selection, err);

	if (r < 0)
		return r;
	if (selection.list.count == 0)
		return -VZR_E_NOT_FOUND;
	best = best_of(&selection);
	r = check_single(&selection, best, err);
	if (r < 0)
		return r;
	if (best->source)
		return vzr_artefact_offered(best->source, best->name, best->entry, ret_artefact,
					    err);
	*ret_artefact = vzr_artefact_cached(search->catalogue, &best->record);
	return *ret_artefact ? 0 : vzr_fail_code(err, -ENOMEM, "template %s", search->name);
}

/* ---- all of them ---- */

/* Why @candidate is not what is meant, when @chosen is. */
static const char *why_not(const struct selection *selection, const struct candidate *candidate,
			   const struct vzr_artefact *chosen, const struct candidate *best)
{
	if (!chosen)
		return "as good as another: the name does not say which";
	if (strcmp(candidate->name, chosen->name) == 0)
		return candidate->source ? "the same name, from what is asked later"
					 : "the same name, but the source was asked again";
	if (strcmp(selection->search->name, chosen->name) == 0)
		return "the other one has exactly this name";
	if (best && vzr_name_prefer(&selection->wanted, &best->parts, &candidate->parts) > 0)
		return "older, or it has words that were not asked for";
	return "as good, but asked later";
}

static const struct candidate *find_chosen(const struct selection *selection,
					   const struct vzr_artefact *chosen)
{
	for (size_t i = 0; chosen && i < selection->list.count; i++) {
		const struct candidate *candidate = selection->list.items[i];
		const char *source = candidate->source ? candidate->source->conf.name
						       : candidate->record.source;

		if (strcmp(candidate->name, chosen->name) == 0 && source &&
		    strcmp(source, chosen->source) == 0)
			return candidate;
	}
	return NULL;
}

static void tell(const struct candidate *candidate, const char *reason, vzr_candidate_fn fn,
		 void *data)
{
	struct vzr_artefact *artefact = NULL;
	struct vzr_candidate told = { .name = candidate->name,
				      .source = candidate->record.source,
				      .trust = candidate->record.trust,
				      .cached = !candidate->source,
				      .reason = reason };

	if (candidate->source) {
		told.source = candidate->source->conf.name;
		if (vzr_artefact_offered(candidate->source, candidate->name, candidate->entry,
					 &artefact, NULL) == 0) {
			told.trust = artefact->trust;
			told.cached = artefact->cached;
		}
	}
	fn(data, &told);
	vzr_artefact_free(artefact);
}

int vzr_search_others(struct vzr_search *search, const struct vzr_artefact *chosen,
		      vzr_candidate_fn fn, void *data, struct vzr_error *err)
{
	__attribute__((cleanup(selection_done))) struct selection selection = { .search = search };
	const struct candidate *best;
	int r = collect(&selection, err);

	if (r < 0)
		return r == -VZR_E_NOT_FOUND ? 0 : r;
	best = find_chosen(&selection, chosen);
	for (size_t i = 0; i < selection.list.count; i++)
		if (selection.list.items[i] != best)
			tell(selection.list.items[i],
			     why_not(&selection, selection.list.items[i], chosen, best), fn, data);
	return 0;
}

/* ---- nothing found ---- */

/* The few names that are closest to the one asked for. */
struct close_names {
	const char *wanted;
	const char *names[CLOSE];
	unsigned int distances[CLOSE];
	size_t count;
};

/* How far @name, or as many of its pieces as were asked for, is from @wanted. */
static unsigned int nearness(const char *wanted, const char *name)
{
	unsigned int whole = vzr_name_distance(wanted, name), part;
	char cut[256];
	size_t n = 0;

	for (const char *p = wanted; p; p = strchr(p + 1, '-')) {
		n += strcspn(name + n + (n > 0), "-") + (n > 0);
		if (name[n] == '\0')
			break;
	}
	snprintf(cut, sizeof(cut), "%.*s", (int)n, name);
	part = vzr_name_distance(wanted, cut);
	return part < whole ? part : whole;
}

static void keep_close(struct close_names *close, const char *name)
{
	size_t length = strlen(close->wanted), first = strcspn(close->wanted, "-");
	bool same_distro = strncmp(close->wanted, name, first) == 0 && first > 2;
	unsigned int distance = nearness(close->wanted, name);
	size_t at;

	if (!same_distro && distance > length / 3)
		return;
	at = close->count;
	while (at > 0 && close->distances[at - 1] > distance)
		at--;
	if (at == CLOSE)
		return;
	if (close->count < CLOSE)
		close->count++;
	for (size_t i = close->count - 1; i > at; i--) {
		close->names[i] = close->names[i - 1];
		close->distances[i] = close->distances[i - 1];
	}
	close->names[at] = name;
	close->distances[at] = distance;
}

static int add_close(struct vzr_search *search, const struct vzr_list *cached, struct vzr_buf *text)
{
	const struct vzr_catalogue *catalogue = search->catalogue;
	struct close_names close = { .wanted = search->name };
	int r = 0;

	for (size_t i = 0; i < cached->count && !search->only[0]; i++)
		keep_close(&close, cached->items[i]);
	for (size_t i = 0; i < catalogue->n_sources; i++) {
		const struct vzr_source *source = catalogue->sources[i];

		for (size_t j = 0; vzr_search_asks(search, source) && j < source->entries.count;
		     j++)
			keep_close(&close, source->entries.items[j].name);
	}
	for (size_t i = 0; i < close.count && r == 0; i++) {
		bool twice = i && strcmp(close.names[i], close.names[i - 1]) == 0;

		if (!twice)
			r = vzr_buf_printf(text, "%s%s",
					   i ? ", " : "; close to it: ", close.names[i]);
	}
	return r;
}

int vzr_search_nothing(struct vzr_search *search, struct vzr_error *err)
{
	const struct vzr_catalogue *catalogue = search->catalogue;
	VZR_AUTO_TEXT_LIST struct vzr_list cached = { 0 };
	VZR_AUTO_BUF struct vzr_buf text = { 0 };
	const char *separator = "";
	int r = 0;

	for (size_t i = 0; i < catalogue->n_sources && r == 0; i++) {
		if (!vzr_search_asks(search, catalogue->sources[i]))
			continue;
		r = vzr_buf_printf(&text, "%s%s", separator, catalogue->sources[i]->conf.name);
		separator = ", ";
	}
	/* Close names are a help; what the cache cannot tell is not missed. */
	if (vzr_store_name_list(catalogue->options.store, &cached, NULL) < 0)
		cached.count = 0;
	if (r == 0)
		r = add_close(search, &cached, &text);
	if (r < 0)
		return vzr_fail_code(err, r, "template %s", search->name);
	if (search->failure.code == 0)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "there is no template '%s'; asked: %s%s",
				search->name, search->only[0] ? "" : "the cache, ",
				vzr_buf_cstr(&text));
	return vzr_fail(err,
			search->failure.code == -VZR_E_UNSUPPORTED ? -VZR_E_NOT_FOUND
								   : search->failure.code,
			"template '%s' was not found: %s; asked: %s%s", search->name,
			search->failure.msg, search->only[0] ? "" : "the cache, ",
			vzr_buf_cstr(&text));
}
