/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KEY="value" files: what is written again reads the same, and a value set is the value read. */
#include "engine/base/kv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void parse(const char *text, size_t len, struct vzr_kv *kv)
{
	require(vzr_kv_parse(text, len, 0, kv, NULL) == 0);
}

static void same_lines(const struct vzr_kv *a, const struct vzr_kv *b)
{
	require(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		require(!a->lines[i].key == !b->lines[i].key);
		if (!a->lines[i].key)
			continue;
		require(strcmp(a->lines[i].key, b->lines[i].key) == 0);
		require(strcmp(a->lines[i].value, b->lines[i].value) == 0);
	}
}

static void read_again(const struct vzr_kv *kv)
{
	VZR_AUTO_BUF struct vzr_buf text = { .max = 16u << 20 };
	VZR_AUTO_KV struct vzr_kv again = { 0 };

	require(vzr_kv_emit(kv, &text) == 0);
	parse(vzr_buf_cstr(&text), text.len, &again);
	same_lines(kv, &again);
}

/* Takes the first value for a new key, as a target's configuration takes those of a document. */
static void set_again(struct vzr_kv *kv)
{
	VZR_AUTO_BUF struct vzr_buf text = { .max = 16u << 20 };
	VZR_AUTO_KV struct vzr_kv again = { 0 };
	char *value = NULL;

	for (size_t i = 0; !value && i < kv->count; i++)
		if (kv->lines[i].key)
			value = strdup(kv->lines[i].value);
	if (value && vzr_kv_set(kv, "ADDED", value, NULL) == 0) {
		require(vzr_kv_emit(kv, &text) == 0);
		parse(vzr_buf_cstr(&text), text.len, &again);
		require(strcmp(vzr_kv_get(&again, "ADDED"), value) == 0);
	}
	free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	VZR_AUTO_KV struct vzr_kv strict = { 0 };

	if (vzr_kv_parse((const char *)data, size, VZR_KV_STRICT, &strict, NULL) == 0)
		read_again(&strict);
	if (vzr_kv_parse((const char *)data, size, 0, &kv, NULL) < 0)
		return 0;
	read_again(&kv);
	vzr_kv_drop_duplicates(&kv);
	vzr_kv_drop_comments(&kv, "#");
	read_again(&kv);
	set_again(&kv);
	return 0;
}
