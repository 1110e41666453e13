/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The digest of a specification: every field written out in a fixed form, then hashed. */
#include "engine/specification.h"

#include "engine/base/buf.h"
#include "engine/base/digest.h"

#include <string.h>

/* Texts are written with their length, so that no two specifications write the same bytes. */
static int add_text(struct vzr_buf *buf, const char *key, const char *text)
{
	if (!text)
		return vzr_buf_printf(buf, "%s -\n", key);
	return vzr_buf_printf(buf, "%s %zu %s\n", key, strlen(text), text);
}

static int add_limits(struct vzr_buf *buf, const char *what, const char *name,
		      const struct vzr_limits *limits)
{
	int r = add_text(buf, what, name);

	if (r < 0)
		return r;
	return vzr_buf_printf(buf, " %llu %llu %llu %llu %llu\n",
			      (unsigned long long)limits->block_soft_kib,
			      (unsigned long long)limits->block_hard_kib,
			      (unsigned long long)limits->inode_soft,
			      (unsigned long long)limits->inode_hard,
			      (unsigned long long)limits->grace_s);
}

static int add_owners(struct vzr_buf *buf, const char *what,
		      const struct vzr_owner_limits *owners, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_limits(buf, what, owners[i].name, &owners[i].limits);
	return r;
}

static int add_interfaces(struct vzr_buf *buf, const struct vzr_domain *d)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->n_interfaces; i++) {
		const struct vzr_interface *nic = &d->interfaces[i];

		r = add_text(buf, "interface", nic->type);
		if (r == 0)
			r = add_text(buf, "mac", nic->mac);
		if (r == 0)
			r = add_text(buf, "bridge", nic->bridge);
		if (r == 0)
			r = add_text(buf, "host", nic->host_name);
		if (r == 0)
			r = add_text(buf, "guest", nic->guest_name);
		for (size_t j = 0; r == 0 && j < nic->n_ips; j++)
			r = add_text(buf, "ip", nic->ips[j]);
	}
	return r;
}

static int add_filesystem(struct vzr_buf *buf, const struct vzr_filesystem *fs)
{
	int r = add_text(buf, "filesystem", vzr_root_type_name(fs->type));

	if (r == 0)
		r = add_text(buf, "source", fs->source);
	if (r == 0)
		r = add_text(buf, "target", fs->target);
	return r == 0 ? vzr_buf_printf(buf, "readonly %d\n", fs->readonly) : r;
}

static int add_texts(struct vzr_buf *buf, const struct vzr_domain *d,
		     const struct vzr_request *request)
{
	const struct {
		const char *key, *text;
	} texts[] = {
		{ "type", d->type },	       { "name", d->name },
		{ "uuid", d->uuid },	       { "arch", d->arch },
		{ "init", d->init },	       { "hostname", d->hostname },
		{ "profile", d->profile },     { "quota", request->quota },
		{ "handoff", request->handoff },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
		r = add_text(buf, texts[i].key, texts[i].text);
	for (size_t i = 0; r == 0 && i < d->n_nameservers; i++)
		r = add_text(buf, "nameserver", d->nameservers[i]);
	return r;
}

static int add_numbers(struct vzr_buf *buf, const struct vzr_domain *d)
{
	int r = vzr_buf_printf(buf, "onboot %d memory %llu %llu vcpus %u\n", d->onboot,
			       (unsigned long long)d->memory_kib,
			       (unsigned long long)d->current_memory_kib, d->vcpus);

	for (size_t i = 0; r == 0 && i < d->n_idmaps; i++)
		r = vzr_buf_printf(buf, "idmap %d %u %u %u\n", d->idmaps[i].is_group,
				   d->idmaps[i].start, d->idmaps[i].target, d->idmaps[i].count);
	return r;
}

char *vzr_specification_digest(const struct vzr_domain *domain, const struct vzr_request *request)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = 16u << 20 };
	char text[VZR_DIGEST_TEXT];
	struct vzr_digest digest;
	int r = add_texts(&buf, domain, request);

	if (r == 0)
		r = add_numbers(&buf, domain);
	if (r == 0)
		r = add_interfaces(&buf, domain);
	if (r == 0)
		r = add_filesystem(&buf, &domain->root);
	for (size_t i = 0; r == 0 && i < domain->n_filesystems; i++)
		r = add_filesystem(&buf, &domain->filesystems[i]);
	if (r == 0)
		r = add_limits(&buf, "vm", NULL, &domain->vm);
	if (r == 0)
		r = add_owners(&buf, "user", domain->users, domain->n_users);
	if (r == 0)
		r = add_owners(&buf, "group", domain->groups, domain->n_groups);
	if (r == 0)
		r = vzr_digest_of(VZR_SHA256, vzr_buf_cstr(&buf), buf.len, &digest);
	return r == 0 ? strdup(vzr_digest_text(&digest, text)) : NULL;
}

const char *vzr_domain_hostname(const struct vzr_domain *domain)
{
	if (domain->hostname)
		return domain->hostname;
	if (domain->name && domain->name[strspn(domain->name, "0123456789")] != '\0')
		return domain->name;
	return NULL;
}
