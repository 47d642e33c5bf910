// Runs Prometheus' own Kubernetes service discovery, in all roles, and prints what it finds: one line of JSON for
// every change, from a role to the labels of its targets.
//
// Usage: prometheus-sd KUBECONFIG NAMESPACE. Nodes have no namespace; everything else is looked for in this one only.
package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/kubernetes"
)

func main() {
	if len(os.Args) != 3 {
		slog.Error("usage: prometheus-sd KUBECONFIG NAMESPACE")
		os.Exit(2)
	}
	roles := []kubernetes.Role{
		kubernetes.RoleNode, kubernetes.RoleService, kubernetes.RolePod,
		kubernetes.RoleEndpoint, kubernetes.RoleEndpointSlice, kubernetes.RoleIngress,
	}
	jobs := map[string]discovery.Configs{}
	for _, role := range roles {
		config := kubernetes.DefaultSDConfig
		config.Role = role
		config.KubeConfig = os.Args[1]
		if role != kubernetes.RoleNode {
			config.NamespaceDiscovery.Names = []string{os.Args[2]}
		}
		jobs[string(role)] = discovery.Configs{&config}
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	registry := prometheus.NewRegistry()
	metrics, err := discovery.CreateAndRegisterSDMetrics(registry)
	if err != nil {
		fail(err)
	}
	ctx := context.Background()
	manager := discovery.NewManager(ctx, logger, registry, metrics)
	if manager == nil {
		os.Exit(1)
	}
	if err := manager.ApplyConfig(jobs); err != nil {
		fail(err)
	}
	go func() { fail(manager.Run()) }()
	out := json.NewEncoder(os.Stdout)
	for groups := range manager.SyncCh() {
		found := map[string][]map[string]string{}
		for role, all := range groups {
			for _, group := range all {
				for _, target := range group.Targets {
					labels := map[string]string{}
					for name, value := range group.Labels.Merge(target) {
						labels[string(name)] = string(value)
					}
					found[role] = append(found[role], labels)
				}
			}
		}
		if err := out.Encode(found); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	slog.Error("service discovery ended", "error", err)
	os.Exit(1)
}
