/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing list of pointers. */
#include "engine/base/list.h"

#include "engine/base/cleanup.h"

#include <string.h>

int vzr_list_add(struct vzr_list *list, void *item)
{
	if (list->count == list->size) {
		size_t size = list->size ? list->size * 2 : 8;
		void **items = reallocarray(list->items, size, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->size = size;
	}
	list->items[list->count++] = item;
	return 0;
}

static int add_owned(struct vzr_list *list, char *text)
{
	int r;

	if (!text)
		return -ENOMEM;
	r = vzr_list_add(list, text);
	if (r < 0)
		free(text);
	return r;
}

int vzr_list_add_text(struct vzr_list *list, const char *text)
{
	return add_owned(list, strdup(text));
}

int vzr_list_printf(struct vzr_list *list, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return add_owned(list, n < 0 ? NULL : text);
}

void vzr_list_done(struct vzr_list *list, void (*free_item)(void *))
{
	int saved = errno;

	for (size_t i = 0; free_item && i < list->count; i++)
		free_item(list->items[i]);
	free(list->items);
	*list = (struct vzr_list){ 0 };
	errno = saved;
}

void vzr_list_done_text(struct vzr_list *list)
{
	vzr_list_done(list, free);
}
