/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The network of CTID.conf: IP_ADDRESS of venet, NETIF of veth devices, NAMESERVER. */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#define IFNAME_MAX 15 /* IFNAMSIZ less the NUL */

/* For a bridge, an address above all others: the bridge keeps the one of its real device. */
#define BRIDGED_HOST_MAC "FE:FF:FF:FF:FF:FF"

/* The address without its prefix (venet has none, libvirt reads none), in the usual spelling. */
static int canonical_ip(const char *text, char out[INET6_ADDRSTRLEN], struct vzr_error *err)
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	size_t len = strcspn(text, "/");
	unsigned char binary[16];
	char address[INET6_ADDRSTRLEN];

	if (len >= sizeof(address))
		return vzr_fail(err, -VZR_E_INPUT, "'%s' is not an IP address", text);
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(family, address, binary) != 1 ||
	    !inet_ntop(family, binary, out, INET6_ADDRSTRLEN))
		return vzr_fail(err, -VZR_E_INPUT, "'%s' is not an IP address", text);
	return 0;
}

/* Appends @word to the list in @buf unless it is in it already. */
static int add_word(struct vzr_buf *buf, const char *word)
{
	const char *at = vzr_buf_cstr(buf);
	size_t len = strlen(word);

	while (*at) {
		size_t n = strcspn(at, " ");

		if (n == len && memcmp(at, word, n) == 0)
			return 0;
		at += n + strspn(at + n, " ");
	}
	return vzr_buf_printf(buf, "%s%s", buf->len ? " " : "", word);
}

static int add_ips(struct vzr_buf *buf, char *const *ips, size_t count, struct vzr_error *err)
{
	for (size_t i = 0; i < count; i++) {
		char ip[INET6_ADDRSTRLEN];
		int r = canonical_ip(ips[i], ip, err);

		if (r < 0)
			return r;
		/* vzctl takes these for "no address". */
		if (strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0)
			continue;
		r = add_word(buf, ip);
		if (r < 0)
			return vzr_fail_code(err, r, "cannot add an address");
	}
	return 0;
}

static int check_ifname(const char *what, const char *name, struct vzr_error *err)
{
	bool fine = name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;

	for (const char *p = name; fine && *p; p++)
		fine = isalnum((unsigned char)*p) || strchr("._-", *p);
	if (fine && strlen(name) <= IFNAME_MAX)
		return 0;
	return vzr_fail(err, -VZR_E_INPUT,
			"'%s' cannot be the %s: at most %d letters, digits, '.', '_' and '-'", name,
			what, IFNAME_MAX);
}

static int check_mac(const char *mac, struct vzr_error *err)
{
	bool fine = strlen(mac) == 17;

	for (size_t i = 0; fine && i < 17; i++)
		fine = i % 3 == 2 ? mac[i] == ':' : isxdigit((unsigned char)mac[i]) != 0;
	return fine ? 0 : vzr_fail(err, -VZR_E_INPUT, "'%s' is not a MAC address", mac);
}

/* The same address at each start, in the range that vzctl draws its own from (FNV-1a). */
static void derive_mac(const struct vzr_handoff_job *job, const char *ifname, char out[18])
{
	const char *const parts[] = { job->uuid ? job->uuid : "", ifname };
	uint32_t hash = 2166136261u ^ job->ctid;

	for (size_t i = 0; i < VZR_COUNT(parts); i++)
		for (const char *p = parts[i]; *p; p++)
			hash = (hash ^ (unsigned char)*p) * 16777619u;
	snprintf(out, 18, "00:18:51:%02X:%02X:%02X", hash >> 16 & 0xff, hash >> 8 & 0xff,
		 hash & 0xff);
}

/* The devices so far, to find the next free ethN and to refuse one name twice. */
struct netif {
	struct vzr_buf text;
	unsigned int next;
};

static bool has_device(const struct netif *netif, const char *ifname)
{
	char key[64];
	const char *at = vzr_buf_cstr(&netif->text);

	snprintf(key, sizeof(key), "ifname=%s,", ifname);
	for (; at; at = strchr(at, ';')) {
		at += *at == ';';
		if (strncmp(at, key, strlen(key)) == 0)
			return true;
	}
	return false;
}

static bool is_named(const struct vzr_domain *domain, const char *ifname)
{
	for (size_t i = 0; i < domain->n_interfaces; i++)
		if (domain->interfaces[i].guest_name &&
		    strcmp(domain->interfaces[i].guest_name, ifname) == 0)
			return true;
	return false;
}

static int name_devices(const struct vzr_handoff_job *job, const struct vzr_interface *nic,
			struct netif *netif, char guest[32], char host[32], struct vzr_error *err)
{
	int r;

	if (nic->guest_name) {
		r = check_ifname("name of a network device", nic->guest_name, err);
		if (r < 0)
			return r;
		snprintf(guest, 32, "%s", nic->guest_name);
	} else {
		do
			snprintf(guest, 32, "eth%u", netif->next++);
		while (is_named(job->domain, guest));
	}
	if (has_device(netif, guest))
		return vzr_fail(err, -VZR_E_INPUT, "two network devices are named %s", guest);
	if (nic->host_name) {
		r = check_ifname("name of a host's network device", nic->host_name, err);
		snprintf(host, 32, "%s", nic->host_name);
	} else {
		/* As vzctl names them: by the number in the guest's name. */
		snprintf(host, 32, "veth%u.%u", job->ctid,
			 (unsigned int)strtoul(guest + strcspn(guest, "0123456789"), NULL, 10));
		r = check_ifname("name of a host's network device (give one in <target dev>)",
				 host, err);
	}
	return r;
}

static int add_netif(const struct vzr_handoff_job *job, const struct vzr_interface *nic,
		     struct netif *netif, struct vzr_error *err)
{
	char guest[32], host[32], mac[18], host_mac[18];
	int r = name_devices(job, nic, netif, guest, host, err);

	if (r == 0 && nic->mac)
		r = check_mac(nic->mac, err);
	if (r == 0 && nic->bridge)
		r = check_ifname("name of a bridge", nic->bridge, err);
	if (r < 0)
		return r;
	if (nic->mac)
		snprintf(mac, sizeof(mac), "%s", nic->mac);
	else
		derive_mac(job, guest, mac);
	derive_mac(job, host, host_mac);
	r = vzr_buf_printf(&netif->text, "%sifname=%s,mac=%s,host_ifname=%s,host_mac=%s%s%s",
			   netif->text.len ? ";" : "", guest, mac, host,
			   nic->bridge ? BRIDGED_HOST_MAC : host_mac, nic->bridge ? ",bridge=" : "",
			   nic->bridge ? nic->bridge : "");
	if (r < 0)
		return vzr_fail_code(err, r, "cannot add a network device");
	return 0;
}

bool vzr_openvz_has_interface(const char *type)
{
	return strcmp(type, "bridge") == 0 || strcmp(type, "ethernet") == 0 ||
	       strcmp(type, "route") == 0;
}

static int add_interface(const struct vzr_handoff_job *job, const struct vzr_interface *nic,
			 struct vzr_buf *ips, struct netif *netif, struct vzr_error *err)
{
	if (!nic->type || !vzr_openvz_has_interface(nic->type))
		return 0; /* check() says so */
	if (strcmp(nic->type, "bridge") != 0 && nic->n_ips)
		return add_ips(ips, nic->ips, nic->n_ips, err);
	return add_netif(job, nic, netif, err);
}

int vzr_openvz_net(const struct vzr_handoff_job *job, struct vzr_kv *conf, struct vzr_error *err)
{
	const struct vzr_domain *domain = job->domain;
	VZR_AUTO_BUF struct vzr_buf ips = { 0 };
	VZR_AUTO_BUF struct vzr_buf nameservers = { 0 };
	struct netif netif = { 0 };
	int r = 0;

	if (!domain)
		return 0;
	for (size_t i = 0; r == 0 && i < domain->n_interfaces; i++)
		r = add_interface(job, &domain->interfaces[i], &ips, &netif, err);
	if (r == 0)
		r = add_ips(&nameservers, domain->nameservers, domain->n_nameservers, err);
	if (r == 0 && ips.len)
		r = vzr_kv_set(conf, "IP_ADDRESS", ips.data, err);
	if (r == 0 && netif.text.len)
		r = vzr_kv_set(conf, "NETIF", netif.text.data, err);
	if (r == 0 && nameservers.len)
		r = vzr_kv_set(conf, "NAMESERVER", nameservers.data, err);
	vzr_buf_done(&netif.text);
	return r;
}
