/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a document says and OpenVZ 6 has no counterpart for: told by name, never just dropped. */
#include "engine/handoff/internal.h"

#include <string.h>

static void tell_interface(struct vzr_context *ctx, size_t number, const struct vzr_interface *nic)
{
	const char *type = nic->type ? nic->type : "";

	if (!vzr_openvz_has_interface(type))
		vzr_warn(ctx,
			 "interface %zu of type '%s' is not set up: OpenVZ has none of that kind",
			 number, type);
	else if (strcmp(type, "bridge") == 0 && nic->n_ips)
		vzr_warn(ctx,
			 "the addresses of interface %zu are not set: OpenVZ leaves those of a "
			 "veth device to the container",
			 number);
}

void vzr_openvz_tell_rest(const struct vzr_handoff_job *job)
{
	const struct vzr_domain *domain = job->domain;

	if (!domain)
		return;
	if (vzr_openvz_sample_ignored(job))
		vzr_warn(job->ctx,
			 "<profile> %s is without effect: %s has no samples, and the built-in one "
			 "is used",
			 domain->profile, vzr_setting(job->settings, "VZ_CONF_DIR"));
	if (domain->n_idmaps)
		vzr_warn(job->ctx, "OpenVZ 6 has no id mapping: <idmap> is without effect");
	if (domain->init && strcmp(domain->init, "/sbin/init") != 0)
		vzr_warn(job->ctx, "<init> %s is without effect: OpenVZ starts /sbin/init",
			 domain->init);
	for (size_t i = 0; i < domain->n_filesystems; i++)
		vzr_warn(job->ctx,
			 "the filesystem at %s is not set up: OpenVZ has one per container",
			 domain->filesystems[i].target ? domain->filesystems[i].target : "?");
	for (size_t i = 0; i < domain->n_interfaces; i++)
		tell_interface(job->ctx, i + 1, &domain->interfaces[i]);
}
