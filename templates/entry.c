/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entries of an index, and the small helpers over file names and texts. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"

#include <ctype.h>
#include <string.h>

static void entry_done(struct vzr_entry *entry)
{
	free(entry->name);
	free(entry->file);
	free(entry->serial);
}

void vzr_entries_done(struct vzr_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		entry_done(&entries->items[i]);
	free(entries->items);
	*entries = (struct vzr_entries){ 0 };
}

int vzr_entries_add(struct vzr_entries *entries, struct vzr_entry entry)
{
	if (entries->count == VZR_ENTRIES_MAX)
		return -VZR_E_LIMIT;
	if (entries->count == entries->size) {
		size_t size = entries->size ? entries->size * 2 : 32;
		struct vzr_entry *items = reallocarray(entries->items, size, sizeof(*items));

		if (!items)
			return -ENOMEM;
		entries->items = items;
		entries->size = size;
	}
	entries->items[entries->count++] = entry;
	return 0;
}

int vzr_entries_add_named(struct vzr_entries *entries, struct vzr_entry entry, const char *name,
			  const char *file, const char *serial)
{
	int r;

	if (vzr_name_check("template name", name, NULL) < 0 || strpbrk(name, ":="))
		return 0;
	entry.name = strdup(name);
	entry.file = file ? strdup(file) : NULL;
	entry.serial = serial ? strdup(serial) : NULL;
	r = !entry.name || (file && !entry.file) || (serial && !entry.serial)
		    ? -ENOMEM
		    : vzr_entries_add(entries, entry);
	if (r < 0)
		entry_done(&entry);
	return r;
}

static int compare_entries(const void *a, const void *b)
{
	const struct vzr_entry *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order == 0 && x->repository != y->repository)
		order = x->repository < y->repository ? -1 : 1;
	if (order == 0 && x->serial && y->serial)
		order = -vzr_natural_compare(x->serial, y->serial);
	if (order == 0 && x->rank != y->rank)
		order = x->rank < y->rank ? -1 : 1;
	return order;
}

void vzr_entries_sort(struct vzr_entries *entries)
{
	size_t out = 0;

	if (entries->count == 0)
		return;
	qsort(entries->items, entries->count, sizeof(*entries->items), compare_entries);
	for (size_t i = 1; i < entries->count; i++)
		if (strcmp(entries->items[i].name, entries->items[out].name) == 0)
			entry_done(&entries->items[i]);
		else
			entries->items[++out] = entries->items[i];
	entries->count = out + 1;
}

const struct vzr_entry *vzr_entries_find(const struct vzr_entries *entries, const char *name)
{
	size_t low = 0, high = entries->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, entries->items[middle].name);

		if (order == 0)
			return &entries->items[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

char *vzr_template_name_of(const char *file, const struct vzr_list *suffixes,
			   unsigned int *ret_rank)
{
	size_t length = strlen(file);

	for (size_t i = 0; i < suffixes->count; i++) {
		const char *suffix = suffixes->items[i];
		size_t n = strlen(suffix);

		if (length < n + 2 || strcmp(file + length - n, suffix) != 0 ||
		    file[length - n - 1] != '.')
			continue;
		*ret_rank = (unsigned int)i;
		return strndup(file, length - n - 1);
	}
	return NULL;
}

char *vzr_url_join(const char *base, const char *name)
{
	VZR_AUTO_BUF struct vzr_buf url = { 0 };
	int r = vzr_buf_printf(&url, "%s/", base);

	for (const unsigned char *p = (const unsigned char *)name; *p && r == 0; p++)
		r = isalnum(*p) || strchr("-._~@:=,+/", *p) ? vzr_buf_add(&url, p, 1)
							   : vzr_buf_printf(&url, "%%%02X", *p);
	return r < 0 ? NULL : vzr_buf_take(&url);
}

int vzr_set_text(char **field, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	free(*field);
	*field = text;
	return 0;
}

int vzr_split_blanks(const char *text, struct vzr_list *list)
{
	VZR_AUTO_FREE char *copy = strdup(text);
	char *save = NULL;
	int r = copy ? 0 : -ENOMEM;

	for (char *p = copy ? strtok_r(copy, " \t\r\n", &save) : NULL; p && r == 0;
	     p = strtok_r(NULL, " \t\r\n", &save))
		r = vzr_list_add_text(list, p);
	return r;
}
