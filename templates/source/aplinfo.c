/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Appliance indexes as pveam downloads them: NAME.gz, and NAME.asc over what is in it. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"

#include <string.h>

#define DEFAULT_INDEX "aplinfo.dat"
#define INDEX_MAX ((size_t)16 << 20)

static int parse(const struct vzr_source *source, const struct vzr_index *index,
		 struct vzr_indexed *found, struct vzr_error *err)
{
	return vzr_aplinfo_parse(index->name, vzr_buf_cstr(&index->text), index->text.len,
				 &source->conf.suffixes, &found->entries, err);
}

static int load(struct vzr_source *source, struct vzr_error *err)
{
	const char *name = source->conf.index ? source->conf.index : DEFAULT_INDEX;
	const struct vzr_index_format format = {.names = &name,
						.n_names = 1,
						.max_bytes = INDEX_MAX,
						.gzipped = true,
						.parse = parse};

	return vzr_indexed_load(source, &format, err);
}

const struct vzr_source_ops vzr_source_aplinfo = {
	.name = "aplinfo",
	.summary = "an appliance index of Proxmox or TurnKey",
	.needs_url = true,
	.arch_names = VZR_ARCH_DEBIAN,
	.load = load,
	.describe = vzr_indexed_describe,
	.fetch = vzr_payload_get,
};
