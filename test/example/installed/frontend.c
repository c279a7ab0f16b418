/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A front-end on an installed libvu: gives the device one buffer, checks that it comes back filled
 * with 0, 1, 2, ...
 * usage: frontend [EAL options] -- SOCKET
 */
#include <stdio.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_eal.h>

#include <vu_frontend.h>
#include <vu_virtio.h>

#define BYTES 4096
#define WAIT_MS 20000

/* Number of bytes that came back right. */
static unsigned int
read_pattern(struct vu_frontend *fe)
{
	uint8_t *bytes = (uint8_t *)vu_frontend_mem_alloc(fe, BYTES, 0);
	struct vu_guest_buf buf = { (uintptr_t)bytes, bytes, BYTES };
	struct vu_guest_done done;
	unsigned int nb_right = 0;

	if (bytes == NULL || vu_frontend_start(fe, 0) != 0 || vu_frontend_wait(fe, WAIT_MS) != 0 ||
			vu_frontend_send(fe, 0, &buf, 1, true) != 1)
		return 0;
	for (int i = 0; i < WAIT_MS && vu_frontend_collect(fe, 0, &done, 1) == 0; i++)
		vu_frontend_turn(fe, 1);
	while (nb_right < BYTES && bytes[nb_right] == (uint8_t)nb_right)
		nb_right++;
	return nb_right;
}

int
main(int argc, char **argv)
{
	struct vu_frontend_conf conf;
	struct vu_frontend *fe;
	unsigned int nb_right;
	int rc = rte_eal_init(argc, argv);

	if (rc < 0 || rc + 1 >= argc)
		return 1;
	memset(&conf, 0, sizeof(conf));
	conf.path = argv[rc + 1];
	conf.features_required = RTE_BIT64(VIRTIO_F_VERSION_1);
	conf.nb_queues = 1;
	fe = vu_frontend_open(&conf);
	nb_right = fe != NULL ? read_pattern(fe) : 0;
	printf("frontend: %u of %u bytes right\n", nb_right, BYTES);
	vu_frontend_close(fe);
	rte_eal_cleanup();
	return nb_right == BYTES ? 0 : 1;
}
