// Enforces NetworkPolicies on the local cluster's node.
//
// Policies are judged by kube-network-policies, to which the kernel hands the first packet of each
// connection. Its own rules need nftables' "queue", which some kernels are built without: those
// made here are iptables', as kube-proxy's are.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os/signal"
	"strings"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
)

const queue = 100

func main() {
	kubeconfig := flag.String("kubeconfig", "", "the account that pods and policies are read with")
	node := flag.String("node", "", "name of the node whose pods are held to policies")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *node); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, kubeconfig, node string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	policies := factory.Networking().V1().NetworkPolicies()
	pods := factory.Core().V1().Pods()
	controller, err := networkpolicy.NewController(
		client, policies, factory.Core().V1().Namespaces(), pods, nil, nil, nil, nil,
		networkpolicy.Config{
			FailOpen: true,
			QueueID:  queue,
			NodeName: node,
			// Too long for any kernel: rules of its own are never made.
			NFTableName: strings.Repeat("none", 100),
		},
	)
	if err != nil {
		return err
	}
	rules, err := newRules(node, policies, pods)
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(controller.Run(ctx)) }()
	err = rules.run(ctx)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}
