/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Simplestreams trees. index.json only says where the products are; those are what is verified
 * (PRODUCTS.gpg or .asc over PRODUCTS), remembered and stored.
 */
#include "templates/internal.h"

#include "engine/base/cleanup.h"

#include <string.h>

#define INDEX "streams/v1/index.json"
#define INDEX_MAX ((size_t)4 << 20)
#define PRODUCTS_MAX ((size_t)48 << 20)

static int parse(const struct vzr_source *source, const struct vzr_index *index,
		 struct vzr_indexed *found, struct vzr_error *err)
{
	return vzr_products_parse(index->name, vzr_buf_cstr(&index->text), index->text.len,
				  &source->conf.suffixes, found, err);
}

/* Where the first mirror that answers has its products. */
static int find_products(struct vzr_source *source, char **ret_path, struct vzr_error *err)
{
	int r = -VZR_E_NOT_FOUND;

	for (size_t i = 0; i < source->conf.urls.count && r < 0; i++) {
		VZR_AUTO_BUF struct vzr_buf text = {.max = INDEX_MAX};

		r = vzr_document_get(source, source->conf.urls.items[i], INDEX, &text, err);
		if (r == 0)
			r = vzr_streams_path(INDEX, vzr_buf_cstr(&text), text.len, ret_path, err);
		if (r == -VZR_E_CANCELLED)
			return r;
	}
	return r;
}

/* Without a server: where they were the last time. */
static int find_stored(struct vzr_source *source, char **ret_path)
{
	VZR_AUTO_INDEX struct vzr_index index = {0};
	int r = vzr_index_load(source, "", &index, NULL);

	if (r == 0)
		*ret_path = vzr_take_ptr(index.name);
	return r;
}

static int load(struct vzr_source *source, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = NULL;
	struct vzr_index_format format = {.n_names = 1, .max_bytes = PRODUCTS_MAX, .parse = parse};
	struct vzr_error why = VZR_ERROR_INIT;
	int r = find_products(source, &path, &why);

	if (r < 0 && !(vzr_is_offline(r) && find_stored(source, &path) == 0)) {
		if (err)
			*err = why;
		return r;
	}
	format.names = (const char *const *)&path;
	return vzr_indexed_load(source, &format, err);
}

const struct vzr_source_ops vzr_source_simplestreams = {
	.name = "simplestreams",
	.summary = "a simplestreams tree with root archives (images.linuxcontainers.org)",
	.needs_url = true,
	.arch_names = VZR_ARCH_INCUS,
	.suffixes = "tar.xz tar.gz tar.zst tar",
	.load = load,
	.describe = vzr_indexed_describe,
	.fetch = vzr_payload_get,
};
