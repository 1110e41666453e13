/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing list of pointers or owned texts. */
#pragma once

#include "engine/base/error.h"

/** Zero-initialised it is empty. Items are owned by the list when it is freed with a function. */
struct vzr_list {
	void **items;
	size_t count;
	size_t size; /**< allocated slots */
};

/** Appends @item (ownership goes to the list on success only). -ENOMEM. */
VZR_MUST_CHECK int vzr_list_add(struct vzr_list *list, void *item);

/** Appends a copy of @text. -ENOMEM. */
VZR_MUST_CHECK int vzr_list_add_text(struct vzr_list *list, const char *text);

/** Appends formatted text. -ENOMEM. */
VZR_MUST_CHECK int vzr_list_printf(struct vzr_list *list, const char *fmt, ...) VZR_PRINTF(2, 3);

/** Frees every item with @free_item (NULL: items are not owned), then the list. */
void vzr_list_done(struct vzr_list *list, void (*free_item)(void *));

/** vzr_list_done() with free(), as a cleanup for lists of texts. */
void vzr_list_done_text(struct vzr_list *list);

#define VZR_AUTO_TEXT_LIST __attribute__((cleanup(vzr_list_done_text)))
