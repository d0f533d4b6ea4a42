/*
 * Copyright (C) The Pharos Authors
 *
 * Discovery list: the kinds that are checked, but not active, in order of
 * name.  There is no guard: define PHR_SD, include this file, and it is
 * undefined again.
 *
 * PHR_SD(name, form, check, exclusive)
 *
 *   name       <name>_sd_configs, with the options phr_sd_<name>
 *   form       HTTP: the options of an HTTP client are among them; PLAIN
 *   check      and
 *   exclusive  see phr_schema_t
 */

PHR_SD(aws, HTTP, NULL, NULL)
PHR_SD(azure, HTTP, phr_sd_azure_check, NULL)
PHR_SD(consul, HTTP, phr_sd_consul_check, NULL)
PHR_SD(digitalocean, HTTP, NULL, NULL)
PHR_SD(dns, PLAIN, phr_sd_dns_check, NULL)
PHR_SD(docker, HTTP, NULL, NULL)
PHR_SD(dockerswarm, HTTP, NULL, NULL)
PHR_SD(ec2, HTTP, NULL, NULL)
PHR_SD(ecs, HTTP, NULL, NULL)
PHR_SD(elasticache, HTTP, NULL, NULL)
PHR_SD(eureka, HTTP, NULL, NULL)
PHR_SD(gce, PLAIN, NULL, NULL)
PHR_SD(hetzner, HTTP, NULL, NULL)
PHR_SD(http, HTTP, NULL, NULL)
PHR_SD(ionos, HTTP, NULL, NULL)
PHR_SD(kubernetes, HTTP, phr_sd_kubernetes_check, NULL)
PHR_SD(kuma, HTTP, NULL, NULL)
PHR_SD(lightsail, HTTP, NULL, NULL)
PHR_SD(linode, HTTP, NULL, NULL)
PHR_SD(marathon, HTTP, phr_sd_marathon_check, phr_sd_exclusive)
PHR_SD(msk, HTTP, NULL, NULL)
PHR_SD(nerve, PLAIN, phr_sd_zookeeper_check, NULL)
PHR_SD(nomad, HTTP, NULL, NULL)
PHR_SD(oci, HTTP, NULL, NULL)
PHR_SD(openstack, PLAIN, NULL, NULL)
PHR_SD(outscale, HTTP, phr_sd_key_check, phr_sd_exclusive)
PHR_SD(ovhcloud, PLAIN, NULL, NULL)
PHR_SD(puppetdb, HTTP, NULL, NULL)
PHR_SD(rds, HTTP, NULL, NULL)
PHR_SD(scaleway, HTTP, phr_sd_key_check, phr_sd_exclusive)
PHR_SD(serverset, PLAIN, phr_sd_zookeeper_check, NULL)
PHR_SD(stackit, HTTP, NULL, NULL)
PHR_SD(triton, PLAIN, phr_sd_triton_check, NULL)
PHR_SD(uyuni, HTTP, NULL, NULL)
PHR_SD(vultr, HTTP, NULL, NULL)

#undef PHR_SD
