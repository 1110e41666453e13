/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Single values of a domain from elsewhere than its document, under the rules of the document. */
#include "engine/domain/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/limits.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define HOST_NAME 64 /* what sethostname() takes */
#define OWNER_NAME 255
#define VALUE_MAX 16384

/* One value on its way: for messages and for the caller's err. */
struct setting {
	const char *key;
	const char *value;
	struct vzr_error *err;
};

static int no_memory(const struct setting *s)
{
	return vzr_fail_code(s->err, -ENOMEM, "cannot set %s", s->key);
}

static int set_text(const struct setting *s, char **text)
{
	char *copy = strdup(s->value);

	if (!copy)
		return no_memory(s);
	free(*text);
	*text = copy;
	return 0;
}

static int take_away(char **text)
{
	free(*text);
	*text = NULL;
	return 0;
}

static bool is_none(const char *value)
{
	return strcmp(value, "none") == 0;
}

/* ---- names ---- */

/* A name of digits alone is the id of the container at the same time. */
static bool is_id(const char *name)
{
	return name && name[strspn(name, "0123456789")] == '\0';
}

static int parse_ctid(const struct setting *s, uint32_t *ret_ctid)
{
	uint64_t value;

	if (s->value[0] == '0' || vzr_parse_uint(s->value, VZR_CTID_LAST, &value) < 0 ||
	    value < VZR_CTID_FIRST)
		return vzr_fail(s->err, -VZR_E_INPUT, "%s: '%.40s' is not in %u..%u", s->key,
				s->value, VZR_CTID_FIRST, VZR_CTID_LAST);
	*ret_ctid = (uint32_t)value;
	return 0;
}

static int set_ctid(struct vzr_domain *d, const struct setting *s)
{
	int r = parse_ctid(s, &d->ctid);

	return r == 0 && is_id(d->name) ? set_text(s, &d->name) : r;
}

static int set_name(struct vzr_domain *d, const struct setting *s)
{
	uint32_t ctid = is_id(d->name) ? 0 : d->ctid;
	int r = is_none(s->value) ? 0 : vzr_name_check("name", s->value, s->err);

	if (r == 0 && is_id(s->value))
		r = parse_ctid(s, &ctid);
	if (r == 0)
		r = is_none(s->value) ? take_away(&d->name) : set_text(s, &d->name);
	if (r == 0)
		d->ctid = ctid;
	return r;
}

static int set_uuid(struct vzr_domain *d, const struct setting *s)
{
	size_t length = strlen(s->value);
	bool fine = length == 36;
	int r;

	if (is_none(s->value))
		return take_away(&d->uuid);
	for (size_t i = 0; fine && i < length; i++)
		fine = i == 8 || i == 13 || i == 18 || i == 23
			       ? s->value[i] == '-'
			       : isxdigit((unsigned char)s->value[i]);
	if (!fine)
		return vzr_fail(s->err, -VZR_E_INPUT,
				"uuid: '%.60s' is not a UUID (hexadecimal digits as 8-4-4-4-12)",
				s->value);
	r = set_text(s, &d->uuid);
	for (char *p = r == 0 ? d->uuid : NULL; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return r;
}

static int set_template(struct vzr_domain *d, const struct setting *s)
{
	int r = vzr_name_check("template name", s->value, s->err);

	if (r < 0)
		return r;
	if (d->root.type != VZR_ROOT_TEMPLATE && d->root.type != VZR_ROOT_NONE)
		return vzr_fail(s->err, -VZR_E_INPUT,
				"template: the document's root is of type '%s', which no template "
				"replaces",
				vzr_root_type_name(d->root.type));
	d->root.type = VZR_ROOT_TEMPLATE;
	if (!d->root.target) {
		d->root.target = strdup("/");
		if (!d->root.target)
			return no_memory(s);
	}
	return set_text(s, &d->root.source);
}

static int set_hostname(struct vzr_domain *d, const struct setting *s)
{
	bool fine = isalnum((unsigned char)s->value[0]) && strlen(s->value) <= HOST_NAME &&
		    !strstr(s->value, "..");

	if (is_none(s->value))
		return take_away(&d->hostname);
	for (const char *p = s->value; fine && *p; p++)
		fine = isalnum((unsigned char)*p) || strchr("-._", *p);
	if (!fine)
		return vzr_fail(s->err, -VZR_E_INPUT,
				"hostname: '%.64s' is not a host name (letters, digits, '-', '.', "
				"'_'; at most %d bytes)",
				s->value, HOST_NAME);
	return set_text(s, &d->hostname);
}

/* ---- addresses ---- */

static bool is_address(const char *text)
{
	VZR_AUTO_FREE char *address = strndup(text, strcspn(text, "/"));
	const char *prefix = strchr(text, '/');
	unsigned char out[16];
	uint64_t bits;
	bool v4, v6;

	if (!address)
		return false;
	v4 = inet_pton(AF_INET, address, out) == 1;
	v6 = !v4 && inet_pton(AF_INET6, address, out) == 1;
	return (v4 || v6) &&
	       (!prefix || vzr_parse_uint(prefix + 1, v4 ? 32 : 128, &bits) == 0);
}

static int collect_ips(const struct setting *s, struct vzr_list *ips)
{
	VZR_AUTO_FREE char *copy = strdup(s->value);
	char *rest = copy;

	if (!copy)
		return no_memory(s);
	for (char *word; (word = strsep(&rest, " ,;\t"));) {
		if (!*word)
			continue;
		if (!is_address(word))
			return vzr_fail(s->err, -VZR_E_INPUT, "ips: '%.60s' is not an IP address",
					word);
		if (vzr_list_add_text(ips, word) < 0)
			return no_memory(s);
	}
	return 0;
}

static void drop_ips(struct vzr_interface *nic)
{
	for (size_t i = 0; i < nic->n_ips; i++)
		free(nic->ips[i]);
	free(nic->ips);
	nic->ips = NULL;
	nic->n_ips = 0;
}

static int first_interface(struct vzr_domain *d, const struct setting *s)
{
	if (d->n_interfaces)
		return 0;
	d->interfaces = calloc(1, sizeof(*d->interfaces));
	if (!d->interfaces)
		return no_memory(s);
	d->n_interfaces = 1;
	d->interfaces[0].type = strdup("ethernet");
	return d->interfaces[0].type ? 0 : no_memory(s);
}

/* All addresses are replaced: those of the document would be another container's. */
static int set_ips(struct vzr_domain *d, const struct setting *s)
{
	struct vzr_list ips = { 0 };
	int r = is_none(s->value) ? 0 : collect_ips(s, &ips);

	if (r == 0 && ips.count)
		r = first_interface(d, s);
	if (r < 0) {
		vzr_list_done(&ips, free);
		return r;
	}
	for (size_t i = 0; i < d->n_interfaces; i++)
		drop_ips(&d->interfaces[i]);
	if (ips.count) {
		d->interfaces[0].ips = (char **)ips.items;
		d->interfaces[0].n_ips = ips.count;
	}
	return 0;
}

/* ---- limits ---- */

/* "50 MiB", "50MiB", "51200" (KiB); "none" */
static int parse_kib(const struct setting *s, const char *text, uint64_t *ret_kib)
{
	char digits[24];
	size_t n = strspn(text, "0123456789");
	uint64_t value, factor, bytes;

	*ret_kib = VZR_NO_LIMIT;
	if (is_none(text))
		return 0;
	if (n == 0 || n >= sizeof(digits))
		return vzr_fail(s->err, -VZR_E_INPUT, "%s: '%.40s' is not a size", s->key, text);
	memcpy(digits, text, n);
	digits[n] = '\0';
	text += n;
	text += strspn(text, " ");
	if (vzr_unit_factor(text, 1024, &factor) < 0)
		return vzr_fail(s->err, -VZR_E_INPUT,
				"%s: unit '%.40s' is not known (KiB, MiB, GiB, ..., or KB, MB, GB, "
				"... for powers of 1000)",
				s->key, text);
	if (vzr_parse_uint(digits, UINT64_MAX, &value) < 0 ||
	    __builtin_mul_overflow(value, factor, &bytes) || !value)
		return vzr_fail(s->err, -VZR_E_INPUT, "%s: %.40s is 0 or too large", s->key,
				digits);
	*ret_kib = vzr_kib_up(bytes);
	return 0;
}

static int parse_count(const struct setting *s, const char *text, uint64_t *ret_count)
{
	*ret_count = VZR_NO_LIMIT;
	if (is_none(text))
		return 0;
	if (vzr_parse_uint(text, UINT64_MAX - 1, ret_count) == 0 && *ret_count)
		return 0;
	*ret_count = VZR_NO_LIMIT;
	return vzr_fail(s->err, -VZR_E_INPUT, "%s: '%.40s' is not a number above 0", s->key, text);
}

/* "SOFT:HARD", or "HARD" for both. */
static int parse_pair(const struct setting *s, char *text,
		      int (*parse)(const struct setting *, const char *, uint64_t *),
		      uint64_t *ret_soft, uint64_t *ret_hard)
{
	char *colon = strchr(text, ':');
	int r;

	if (colon)
		*colon = '\0';
	r = parse(s, text, ret_soft);
	if (r == 0)
		r = parse(s, colon ? colon + 1 : text, ret_hard);
	return r;
}

static bool is_owner(const char *name)
{
	if (!*name || strlen(name) > OWNER_NAME)
		return false;
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr(":,/", *p))
			return false;
	return true;
}

static void drop_owner(struct vzr_owner_limits *owners, size_t *count, size_t i)
{
	free(owners[i].name);
	memmove(owners + i, owners + i + 1, (*count - i - 1) * sizeof(*owners));
	--*count;
}

/* "BLOCKS" or "BLOCKS/INODES" of the user or group that the key names. */
static int set_owner(const struct setting *s, const char *name, struct vzr_owner_limits **owners,
		     size_t *count)
{
	struct vzr_owner_limits limits = { .limits = VZR_LIMITS_NONE }, *more;
	VZR_AUTO_FREE char *copy = strdup(s->value);
	char *inodes = copy ? strchr(copy, '/') : NULL;
	size_t i = 0;
	int r;

	if (!copy)
		return no_memory(s);
	if (!is_owner(name))
		return vzr_fail(s->err, -VZR_E_INPUT, "%.60s: that is no name of a user or group",
				s->key);
	if (inodes)
		*inodes++ = '\0';
	r = parse_pair(s, copy, parse_kib, &limits.limits.block_soft_kib,
		       &limits.limits.block_hard_kib);
	if (r == 0 && inodes)
		r = parse_pair(s, inodes, parse_count, &limits.limits.inode_soft,
			       &limits.limits.inode_hard);
	if (r < 0)
		return r;
	while (i < *count && strcmp((*owners)[i].name, name) != 0)
		i++;
	if (!vzr_limits_any(&limits.limits)) {
		if (i < *count)
			drop_owner(*owners, count, i);
		return 0;
	}
	if (i < *count) {
		(*owners)[i].limits = limits.limits;
		return 0;
	}
	more = reallocarray(*owners, *count + 1, sizeof(*more));
	if (!more)
		return no_memory(s);
	*owners = more;
	limits.name = strdup(name);
	if (!limits.name)
		return no_memory(s);
	more[(*count)++] = limits;
	return 0;
}

static int set_limit(struct vzr_domain *d, const struct setting *s, bool *ret_known)
{
	const struct {
		const char *key;
		uint64_t *limit;
		int (*parse)(const struct setting *, const char *, uint64_t *);
	} limits[] = {
		{ "vm_block_soft", &d->vm.block_soft_kib, parse_kib },
		{ "vm_block_hard", &d->vm.block_hard_kib, parse_kib },
		{ "vm_inode_soft", &d->vm.inode_soft, parse_count },
		{ "vm_inode_hard", &d->vm.inode_hard, parse_count },
	};

	for (size_t i = 0; i < VZR_COUNT(limits); i++)
		if (strcmp(s->key, limits[i].key) == 0)
			return limits[i].parse(s, s->value, limits[i].limit);
	*ret_known = false;
	return 0;
}

/* ---- public ---- */

int vzr_domain_set(struct vzr_domain *domain, const char *key, const char *value,
		   struct vzr_error *err)
{
	static const struct {
		const char *key;
		int (*set)(struct vzr_domain *d, const struct setting *s);
	} keys[] = {
		{ "name", set_name },	      { "ctid", set_ctid }, { "uuid", set_uuid },
		{ "template", set_template }, { "ips", set_ips },   { "hostname", set_hostname },
	};
	const struct setting s = { .key = key, .value = value, .err = err };
	bool known = true;
	int r;

	if (strlen(value) > VALUE_MAX)
		return vzr_fail(err, -VZR_E_INPUT, "%.60s: the value is too long", key);
	for (size_t i = 0; i < VZR_COUNT(keys); i++)
		if (strcmp(key, keys[i].key) == 0)
			return keys[i].set(domain, &s);
	if (strncmp(key, "user:", 5) == 0)
		return set_owner(&s, key + 5, &domain->users, &domain->n_users);
	if (strncmp(key, "group:", 6) == 0)
		return set_owner(&s, key + 6, &domain->groups, &domain->n_groups);
	r = set_limit(domain, &s, &known);
	return known ? r : vzr_fail(err, -VZR_E_INPUT, "'%.60s' is not a value that can be set",
				    key);
}

static int check_pair(const char *who, const char *what, uint64_t soft, uint64_t hard,
		      struct vzr_error *err)
{
	if (soft == VZR_NO_LIMIT)
		return 0;
	if (hard == VZR_NO_LIMIT)
		return vzr_fail(err, -VZR_E_INPUT,
				"%.60s: a soft %s limit without a hard one cannot be enforced; add "
				"the hard limit",
				who, what);
	if (soft > hard)
		return vzr_fail(err, -VZR_E_INPUT,
				"%.60s: the soft %s limit (%llu) is above the hard one (%llu)", who,
				what, (unsigned long long)soft, (unsigned long long)hard);
	return 0;
}

static int check_limits(const char *who, const struct vzr_limits *l, struct vzr_error *err)
{
	int r = check_pair(who, "space", l->block_soft_kib, l->block_hard_kib, err);

	return r < 0 ? r : check_pair(who, "inode", l->inode_soft, l->inode_hard, err);
}

int vzr_domain_check(const struct vzr_domain *domain, struct vzr_error *err)
{
	int r = check_limits("the container", &domain->vm, err);

	for (size_t i = 0; r == 0 && i < domain->n_users; i++)
		r = check_limits(domain->users[i].name, &domain->users[i].limits, err);
	for (size_t i = 0; r == 0 && i < domain->n_groups; i++)
		r = check_limits(domain->groups[i].name, &domain->groups[i].limits, err);
	return r;
}
