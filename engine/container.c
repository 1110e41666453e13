/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of containers: one JSON file each, written whole, read strictly. */
#include "engine/container.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/engine.h"
#include "engine/limits.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#define RECORD_MAX (4u << 20)

static void json_freep(json_t **json)
{
	json_decref(*json);
}
#define AUTO_JSON __attribute__((cleanup(json_freep)))

/* ---- writing ---- */

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *number_or_null(uint64_t value)
{
	return value == VZR_NO_LIMIT ? json_null() : json_integer((json_int_t)value);
}

static json_t *limits_json(const struct vzr_limits *limits)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}",
			 "block_soft_kib", number_or_null(limits->block_soft_kib),
			 "block_hard_kib", number_or_null(limits->block_hard_kib),
			 "inode_soft", number_or_null(limits->inode_soft),
			 "inode_hard", number_or_null(limits->inode_hard),
			 "grace_s", number_or_null(limits->grace_s));
}

static json_t *owners_json(const struct vzr_owner_limits *owners, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:o, s:I, s:o}",
						       "name", text_or_null(owners[i].name),
						       "id", (json_int_t)owners[i].id,
						       "limits", limits_json(&owners[i].limits)));
	return array;
}

static json_t *container_json(const struct vzr_container *c)
{
	return json_pack("{s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
			 " s:o, s:o, s:I}",
			 "format", 1, "ctid", (json_int_t)c->ctid, "name", text_or_null(c->name),
			 "uuid", text_or_null(c->uuid), "hostname", text_or_null(c->hostname),
			 "private", text_or_null(c->private_path), "template",
			 text_or_null(c->template_name), "digest", text_or_null(c->digest),
			 "source", text_or_null(c->source), "area", text_or_null(c->area), "quota",
			 text_or_null(c->quota), "vm", limits_json(&c->vm), "users",
			 owners_json(c->users, c->n_users), "groups",
			 owners_json(c->groups, c->n_groups), "handoff", text_or_null(c->handoff),
			 "specification", text_or_null(c->specification), "created",
			 (json_int_t)c->created);
}

static char *directory(const struct vzr_settings *settings)
{
	return vzr_path_join(vzr_setting(settings, "STATE_DIR"), "containers");
}

static void file_name(uint32_t ctid, char out[32])
{
	snprintf(out, 32, "%u.json", ctid);
}

int vzr_record_intend(const struct vzr_settings *settings, uint32_t ctid, struct vzr_undo *undo,
		      struct vzr_error *err)
{
	VZR_AUTO_FREE char *dir = directory(settings), *path = NULL;
	char name[32];

	file_name(ctid, name);
	path = dir ? vzr_path_join(dir, name) : NULL;
	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot record the container");
	return vzr_undo_push(undo, VZR_UNDO_FILE, path, err);
}

int vzr_record_put(const struct vzr_settings *settings, const struct vzr_container *container,
		   bool no_sync, struct vzr_undo *undo, struct vzr_error *err)
{
	VZR_AUTO_FREE char *dir = directory(settings), *path = NULL, *text = NULL;
	AUTO_JSON json_t *json = container_json(container);
	VZR_AUTO_CLOSE int fd = -1;
	char name[32];
	int r;

	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	file_name(container->ctid, name);
	path = dir ? vzr_path_join(dir, name) : NULL;
	if (!path || !text)
		return vzr_fail_code(err, -ENOMEM, "cannot record the container");
	fd = vzr_mkdirs_in_root(vzr_settings_root_fd(settings), dir, 0755, err);
	if (fd < 0)
		return fd;
	r = vzr_undo_push(undo, VZR_UNDO_FILE, path, err);
	if (r < 0)
		return r;
	r = vzr_file_put(fd, name, text, strlen(text), 0644,
			 VZR_PUT_NEW | (no_sync ? VZR_PUT_NO_SYNC : 0), err);
	return r < 0 ? vzr_wrap(err, r, "cannot record the container in %s", dir) : 0;
}

/* ---- reading ---- */

static char *get_text(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? strdup(text) : NULL;
}

static uint64_t get_limit(const json_t *json, const char *key)
{
	const json_t *value = json_object_get(json, key);

	return json_is_integer(value) ? (uint64_t)json_integer_value(value) : VZR_NO_LIMIT;
}

static struct vzr_limits get_limits(const json_t *json)
{
	return (struct vzr_limits){
		.block_soft_kib = get_limit(json, "block_soft_kib"),
		.block_hard_kib = get_limit(json, "block_hard_kib"),
		.inode_soft = get_limit(json, "inode_soft"),
		.inode_hard = get_limit(json, "inode_hard"),
		.grace_s = get_limit(json, "grace_s"),
	};
}

static struct vzr_owner_limits *get_owners(const json_t *array, size_t *ret_count)
{
	size_t n = json_array_size(array);
	struct vzr_owner_limits *owners = n ? calloc(n, sizeof(*owners)) : NULL;

	*ret_count = owners ? n : 0;
	for (size_t i = 0; i < *ret_count; i++) {
		const json_t *item = json_array_get(array, i);

		owners[i].name = get_text(item, "name");
		owners[i].id = (uint32_t)json_integer_value(json_object_get(item, "id"));
		owners[i].resolved = true;
		owners[i].limits = get_limits(json_object_get(item, "limits"));
	}
	return owners;
}

static struct vzr_container *container_from_json(const json_t *json)
{
	struct vzr_container *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->ctid = (uint32_t)json_integer_value(json_object_get(json, "ctid"));
	c->name = get_text(json, "name");
	c->uuid = get_text(json, "uuid");
	c->hostname = get_text(json, "hostname");
	c->private_path = get_text(json, "private");
	c->template_name = get_text(json, "template");
	c->digest = get_text(json, "digest");
	c->source = get_text(json, "source");
	c->area = get_text(json, "area");
	c->quota = get_text(json, "quota");
	c->vm = get_limits(json_object_get(json, "vm"));
	c->users = get_owners(json_object_get(json, "users"), &c->n_users);
	c->groups = get_owners(json_object_get(json, "groups"), &c->n_groups);
	c->handoff = get_text(json, "handoff");
	c->specification = get_text(json, "specification");
	c->created = json_integer_value(json_object_get(json, "created"));
	return c;
}

int vzr_records_open(const struct vzr_settings *settings)
{
	VZR_AUTO_FREE char *dir = directory(settings);

	if (!dir)
		return -ENOMEM;
	return vzr_open_in_root(vzr_settings_root_fd(settings), dir, O_RDONLY | O_DIRECTORY, 0);
}

int vzr_record_read(int dir_fd, const char *name, uint32_t ctid,
		       struct vzr_container **ret_container, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = RECORD_MAX };
	AUTO_JSON json_t *json = NULL;
	json_error_t why;
	int r = vzr_file_read(dir_fd, name, &buf, err);

	if (r == -ENOENT)
		return vzr_fail(err, -VZR_E_NOT_FOUND,
				"there is no container %u made by vzroot (see 'vzroot list')",
				ctid);
	if (r < 0)
		return r;
	json = json_loadb(vzr_buf_cstr(&buf), buf.len, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return vzr_fail(err, -VZR_E_CONFIG, "record %s is damaged: line %d: %s", name,
				why.line, why.text);
	*ret_container = container_from_json(json);
	if (!*ret_container)
		return vzr_fail_code(err, -ENOMEM, "cannot read record %s", name);
	if ((*ret_container)->ctid == ctid && (*ret_container)->handoff &&
	    (*ret_container)->private_path)
		return 0;
	vzr_container_free(*ret_container);
	return vzr_fail(err, -VZR_E_CONFIG, "record %s is damaged: it is not about container %u",
			name, ctid);
}

int vzr_record_get(const struct vzr_settings *settings, uint32_t ctid,
		   struct vzr_container **ret_container, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = vzr_records_open(settings);
	char name[32];

	if (fd == -ENOENT)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "there is no container %u made by vzroot",
				ctid);
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open the records of containers");
	file_name(ctid, name);
	return vzr_record_read(fd, name, ctid, ret_container, err);
}

bool vzr_record_exists(const struct vzr_settings *settings, uint32_t ctid)
{
	VZR_AUTO_CLOSE int fd = vzr_records_open(settings);
	struct stat st;
	char name[32];

	file_name(ctid, name);
	return fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int vzr_record_remove(const struct vzr_settings *settings, uint32_t ctid, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = vzr_records_open(settings);
	char name[32];

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open the records of containers");
	file_name(ctid, name);
	if (unlinkat(fd, name, 0) < 0 && errno != ENOENT)
		return vzr_fail_errno(err, "cannot remove record %s", name);
	return 0;
}

/* ---- public ---- */

void vzr_container_free(struct vzr_container *c)
{
	if (!c)
		return;
	free(c->name);
	free(c->uuid);
	free(c->hostname);
	free(c->private_path);
	free(c->template_name);
	free(c->digest);
	free(c->source);
	free(c->area);
	free(c->quota);
	vzr_owners_free(c->users, c->n_users);
	vzr_owners_free(c->groups, c->n_groups);
	free(c->handoff);
	free(c->specification);
	free(c);
}

void vzr_container_list_free(struct vzr_container **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		vzr_container_free(list[i]);
	free(list);
}

int vzr_container_load(struct vzr_engine *engine, uint32_t ctid,
		       struct vzr_container **ret_container, struct vzr_error *err)
{
	return vzr_record_get(engine->settings, ctid, ret_container, err);
}
