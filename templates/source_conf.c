/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One source file: KEY="value" lines into a checked configuration. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/kv.h"
#include "engine/base/path.h"
#include "engine/base/size.h"

#include <ctype.h>
#include <string.h>

#define PRIORITY_DEFAULT 50
#define PRIORITY_MAX 99

/* Fastest to unpack first: of two archives of one template the first kind is taken. */
#define USUAL_SUFFIXES "tar.zst tar.gz tgz tar.xz txz tar.bz2 tar.lz4 tar"

static const char *const trust_names[] = { [VZR_TRUST_SIGNATURE] = "signature",
					   [VZR_TRUST_CHECKSUM] = "checksum",
					   [VZR_TRUST_TLS] = "tls",
					   [VZR_TRUST_NONE] = "none" };

void vzr_source_conf_done(struct vzr_source_conf *conf)
{
	free(conf->name);
	free(conf->file);
	free(conf->kind);
	free(conf->keyring);
	free(conf->index);
	vzr_list_done(&conf->urls, free);
	vzr_list_done(&conf->fingerprints, free);
	vzr_list_done(&conf->suffixes, free);
	vzr_list_done(&conf->repositories, free);
	*conf = (struct vzr_source_conf){ 0 };
}

/* The same failure as one of the configuration. */
static int as_config(struct vzr_error *err)
{
	if (err)
		err->code = -VZR_E_CONFIG;
	return -VZR_E_CONFIG;
}

static int set_flag(bool *field, const char *key, const char *value, struct vzr_error *err)
{
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return vzr_fail(err, -VZR_E_CONFIG, "%s=\"%s\" is neither yes nor no", key, value);
	*field = strcmp(value, "yes") == 0;
	return 0;
}

static int set_trust(struct vzr_source_conf *conf, const char *value, struct vzr_error *err)
{
	for (size_t i = 0; i < VZR_COUNT(trust_names); i++)
		if (strcmp(trust_names[i], value) == 0) {
			conf->trust = (enum vzr_trust)i;
			return 0;
		}
	return vzr_fail(err, -VZR_E_CONFIG,
			"trust=\"%s\" is not one of signature, checksum, tls, none", value);
}

static int set_urls(struct vzr_source_conf *conf, const char *value, struct vzr_error *err)
{
	int r = vzr_split_blanks(value, &conf->urls);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot read url=");
	for (size_t i = 0; i < conf->urls.count; i++) {
		char *url = conf->urls.items[i];

		if (!vzr_url_ok(url))
			return vzr_fail(err, -VZR_E_CONFIG,
					"url '%s' is not an http, https or file URL without user "
					"and password (those belong into the netrc file)",
					url);
		if (strpbrk(url, "?#"))
			return vzr_fail(err, -VZR_E_CONFIG, "url '%s' has a '?' or '#'", url);
		for (size_t n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
			url[n - 1] = '\0';
	}
	return 0;
}

static int set_keyring(struct vzr_source_conf *conf, const char *value, struct vzr_error *err)
{
	int r = *value == '/' ? vzr_path_check("keyring", value, err)
			      : vzr_name_check("keyring", value, err);

	if (r < 0)
		return as_config(err);
	conf->keyring = strdup(value);
	return conf->keyring ? 0 : vzr_fail_code(err, -ENOMEM, "cannot read keyring=");
}

static int set_index(struct vzr_source_conf *conf, const char *value, struct vzr_error *err)
{
	if (vzr_name_check("index", value, err) < 0)
		return as_config(err);
	conf->index = strdup(value);
	return conf->index ? 0 : vzr_fail_code(err, -ENOMEM, "cannot read index=");
}

static int set_fingerprints(struct vzr_source_conf *conf, const char *value, struct vzr_error *err)
{
	int r = vzr_split_blanks(value, &conf->fingerprints);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot read fingerprints=");
	for (size_t i = 0; i < conf->fingerprints.count; i++) {
		char *text = conf->fingerprints.items[i];
		size_t n = strlen(text);

		/* Short key ids can be forged at will. */
		if ((n != 40 && n != 64) || strspn(text, "0123456789abcdefABCDEF") != n)
			return vzr_fail(err, -VZR_E_CONFIG,
					"fingerprint '%s' is not 40 or 64 hexadecimal digits",
					text);
		for (; *text; text++)
			*text = (char)toupper((unsigned char)*text);
	}
	return 0;
}

static int set_names(struct vzr_list *list, const char *key, const char *value,
		     struct vzr_error *err)
{
	int r = vzr_split_blanks(value, list);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot read %s=", key);
	for (size_t i = 0; i < list->count; i++)
		if (vzr_name_check(key, list->items[i], err) < 0)
			return as_config(err);
	return 0;
}

static int set_priority(struct vzr_source_conf *conf, const char *value, struct vzr_error *err)
{
	if (vzr_parse_uint(value, PRIORITY_MAX, &conf->priority) < 0)
		return vzr_fail(err, -VZR_E_CONFIG, "priority=\"%s\" is not a number from 0 to %d",
				value, PRIORITY_MAX);
	return 0;
}

static int set_key(struct vzr_source_conf *conf, const char *key, const char *value,
		   struct vzr_error *err)
{
	if (strcmp(key, "kind") == 0)
		return vzr_set_text(&conf->kind, "%s", value);
	if (strcmp(key, "url") == 0)
		return set_urls(conf, value, err);
	if (strcmp(key, "enabled") == 0)
		return set_flag(&conf->enabled, key, value, err);
	if (strcmp(key, "priority") == 0)
		return set_priority(conf, value, err);
	if (strcmp(key, "trust") == 0)
		return set_trust(conf, value, err);
	if (strcmp(key, "keyring") == 0)
		return set_keyring(conf, value, err);
	if (strcmp(key, "fingerprints") == 0)
		return set_fingerprints(conf, value, err);
	if (strcmp(key, "weak_digests") == 0)
		return set_flag(&conf->weak_digests, key, value, err);
	if (strcmp(key, "allow_rollback") == 0)
		return set_flag(&conf->allow_rollback, key, value, err);
	if (strcmp(key, "download_conf") == 0)
		return set_flag(&conf->download_conf, key, value, err);
	if (strcmp(key, "index") == 0)
		return set_index(conf, value, err);
	if (strcmp(key, "suffixes") == 0)
		return set_names(&conf->suffixes, key, value, err);
	if (strcmp(key, "repositories") == 0)
		return set_names(&conf->repositories, key, value, err);
	if (strcmp(key, "arch_names") == 0)
		return vzr_arch_names_parse(value, &conf->arch_names)
			       ? 0
			       : vzr_fail(err, -VZR_E_CONFIG,
					  "arch_names=\"%s\" is not one of debian, openvz, oci, "
					  "alpine, incus",
					  value);
	return vzr_fail(err, -VZR_E_CONFIG, "there is no key '%s'", key);
}

static unsigned int line_of(const struct vzr_kv *kv, const char *key)
{
	for (size_t i = 0; i < kv->count; i++)
		if (kv->lines[i].key && strcmp(kv->lines[i].key, key) == 0)
			return (unsigned int)i + 1;
	return 1;
}

/* kind= is looked at first: what the others mean depends on it. */
static int set_kind(const struct vzr_kv *kv, struct vzr_source_conf *conf, unsigned int *ret_line,
		    struct vzr_error *err)
{
	const char *kind = vzr_kv_get(kv, "kind");
	const struct vzr_source_ops *ops;
	char names[128];

	*ret_line = line_of(kv, "kind");
	if (!kind)
		return vzr_fail(err, -VZR_E_CONFIG, "kind= is missing: one of %s",
				vzr_source_kind_names(names, sizeof(names)));
	ops = vzr_source_kind_find(kind);
	if (!ops)
		return vzr_fail(err, -VZR_E_CONFIG, "there is no kind '%s' of source: one of %s",
				kind, vzr_source_kind_names(names, sizeof(names)));
	conf->arch_names = ops->arch_names;
	return 0;
}

/* What only makes sense, or not, when all keys are known. */
static int check_whole(const struct vzr_kv *kv, struct vzr_source_conf *conf,
		       unsigned int *ret_line, struct vzr_error *err)
{
	const struct vzr_source_ops *ops = vzr_source_kind_find(conf->kind);

	*ret_line = line_of(kv, "kind");
	if (ops->needs_url && conf->urls.count == 0)
		return vzr_fail(err, -VZR_E_CONFIG, "url= is missing");
	*ret_line = line_of(kv, "trust");
	for (size_t i = 0; i < conf->urls.count && conf->trust == VZR_TRUST_TLS; i++)
		if (strncmp(conf->urls.items[i], "https://", 8) != 0)
			return vzr_fail(err, -VZR_E_CONFIG,
					"trust=tls needs https, which %s is not",
					(const char *)conf->urls.items[i]);
	if (conf->suffixes.count == 0) {
		int r = vzr_split_blanks(ops->suffixes ? ops->suffixes : USUAL_SUFFIXES,
					 &conf->suffixes);

		if (r < 0)
			return vzr_fail_code(err, r, "cannot read suffixes=");
	}
	return ops->check ? ops->check(conf, err) : 0;
}

int vzr_source_conf_parse(const char *name, const char *file, const char *text, size_t len,
			  struct vzr_source_conf *ret_conf, struct vzr_error *err)
{
	VZR_AUTO_SOURCE_CONF struct vzr_source_conf conf = { .enabled = true,
							     .priority = PRIORITY_DEFAULT };
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	unsigned int line = 0;
	int r = vzr_kv_parse(text, len, VZR_KV_STRICT, &kv, err);

	if (r < 0)
		return vzr_wrap(err, r, "%s", file);
	conf.name = strdup(name);
	conf.file = strdup(file);
	if (!conf.name || !conf.file)
		return vzr_fail_code(err, -ENOMEM, "cannot read %s", file);
	r = set_kind(&kv, &conf, &line, err);
	for (size_t i = 0; i < kv.count && r == 0; i++) {
		line = (unsigned int)i + 1;
		if (kv.lines[i].key)
			r = set_key(&conf, kv.lines[i].key, kv.lines[i].value, err);
	}
	if (r == 0)
		r = check_whole(&kv, &conf, &line, err);
	if (r < 0) {
		if (err)
			err->line = line;
		return vzr_wrap(err, r, "%s, line %u", file, line);
	}
	*ret_conf = conf;
	conf = (struct vzr_source_conf){ 0 };
	return 0;
}
