package main

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os/exec"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	coreinformers "k8s.io/client-go/informers/core/v1"
	networkinginformers "k8s.io/client-go/informers/networking/v1"
	"k8s.io/client-go/tools/cache"
)

// chain begins as all of Kubernetes' do: what takes the cluster down removes those.
const (
	chain = "KUBE-POLICIES"
	jump  = "POSTROUTING -j " + chain
)

// rules send what begins at, or goes to, a pod of a namespace with policies to the queue.
type rules struct {
	node     string
	policies networkinginformers.NetworkPolicyInformer
	pods     coreinformers.PodInformer
	changed  chan struct{}
}

func newRules(
	node string,
	policies networkinginformers.NetworkPolicyInformer,
	pods coreinformers.PodInformer,
) (*rules, error) {
	made := &rules{node, policies, pods, make(chan struct{}, 1)}
	change := func() {
		select {
		case made.changed <- struct{}{}:
		default: // one is waiting already
		}
	}
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { change() },
		UpdateFunc: func(any, any) { change() },
		DeleteFunc: func(any) { change() },
	}
	for _, informer := range []cache.SharedIndexInformer{policies.Informer(), pods.Informer()} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// run keeps the rules up to date, and removes them at the end.
func (r *rules) run(ctx context.Context) error {
	var written []netip.Addr
	for first := true; ; first = false {
		addresses, err := r.addresses()
		if err != nil {
			return err
		}
		if first || !slices.Equal(addresses, written) {
			if err := restore(text(addresses, !jumped())); err != nil {
				return err
			}
			written = addresses
		}
		select {
		case <-ctx.Done():
			return restore("*mangle\n-D " + jump + "\n-F " + chain + "\n-X " + chain + "\nCOMMIT\n")
		case <-r.changed:
		}
	}
}

// addresses returns those of the node's pods whose namespace has policies, sorted.
func (r *rules) addresses() ([]netip.Addr, error) {
	policies, err := r.policies.Lister().List(labels.Everything())
	if err != nil {
		return nil, err
	}
	found := []netip.Addr{}
	seen := map[string]bool{}
	for _, policy := range policies {
		if seen[policy.Namespace] {
			continue
		}
		seen[policy.Namespace] = true
		pods, err := r.pods.Lister().Pods(policy.Namespace).List(labels.Everything())
		if err != nil {
			return nil, err
		}
		for _, pod := range pods {
			if address, ok := addressOf(pod); ok && pod.Spec.NodeName == r.node {
				found = append(found, address)
			}
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return slices.Compact(found), nil
}

func addressOf(pod *corev1.Pod) (netip.Addr, bool) {
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	if pod.Spec.HostNetwork || ended {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(pod.Status.PodIP)
	return address, err == nil && address.Is4()
}

// text returns what iptables-restore is to do: the whole chain anew, in one transaction.
//
// It is asked after a Service's address has become a pod's, and before the sender's becomes the
// node's. With nobody at the queue packets pass.
func text(addresses []netip.Addr, first bool) string {
	lines := []string{"*mangle", ":" + chain + " - [0:0]"}
	if first {
		lines = append(lines, "-A "+jump)
	}
	lines = append(lines,
		"-A "+chain+" -m conntrack ! --ctstate NEW -j RETURN",
		// The node itself, whose probes no policy may stop.
		"-A "+chain+" -m owner --uid-owner 0 -j RETURN",
	)
	for _, address := range addresses {
		for _, side := range []string{"-s", "-d"} {
			lines = append(lines, fmt.Sprintf(
				"-A %s %s %s -j NFQUEUE --queue-num %d --queue-bypass", chain, side, address, queue,
			))
		}
	}
	return strings.Join(append(lines, "COMMIT", ""), "\n")
}

func jumped() bool {
	return exec.Command("iptables", append(strings.Fields("-w -t mangle -C"), strings.Fields(jump)...)...).Run() == nil
}

func restore(text string) error {
	command := exec.Command("iptables-restore", "--noflush", "-w", "10")
	command.Stdin = strings.NewReader(text)
	said, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables-restore: %w: %s", err, said)
	}
	log.Printf("rules: %d lines", strings.Count(text, "\n"))
	return nil
}
