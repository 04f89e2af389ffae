// Compiled together with a copy of the controller's package, whose unexported parts it calls.

package podautoscaler

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/informers"
	autoscalingclient "k8s.io/client-go/kubernetes/typed/autoscaling/v2"
	v1core "k8s.io/client-go/kubernetes/typed/core/v1"
	scaleclient "k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	customapi "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	externalapi "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	metricsapi "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	resourceclient "k8s.io/metrics/pkg/client/clientset/versioned/typed/metrics/v1beta1"
	customclient "k8s.io/metrics/pkg/client/custom_metrics"
	externalclient "k8s.io/metrics/pkg/client/external_metrics"
)

const (
	namespace = "oracle"
	name      = "hpa"
	key       = namespace + "/" + name
)

// A testCase is one autoscaler followed over several syncs of one controller.
type testCase struct {
	Flags flags   `json:"flags"`
	Syncs []sync_ `json:"syncs"`
}

// The controller's flags; durations in seconds.
type flags struct {
	Tolerance             float64 `json:"tolerance"`
	Downscale             float64 `json:"downscaleStabilization"`
	CPUInitialization     float64 `json:"cpuInitializationPeriod"`
	InitialReadinessDelay float64 `json:"initialReadinessDelay"`
}

// A sync_ is what the controller finds At seconds after the start of the clock.
type sync_ struct {
	At     float64                                   `json:"at"`
	Spec   autoscalingv2.HorizontalPodAutoscalerSpec `json:"spec"`
	Target target                                    `json:"target"`
	Pods   []v1.Pod                                  `json:"pods"`
	// The answers of the metrics APIs; of what is absent the API fails.
	Resource *[]metricsapi.PodMetrics           `json:"resource"`
	Custom   map[string][]customapi.MetricValue `json:"custom"`
	Object   map[string]resource.Quantity       `json:"object"`
	External map[string][]resource.Quantity     `json:"external"`
}

type target struct {
	Replicas       int32  `json:"replicas"`
	StatusReplicas int32  `json:"statusReplicas"`
	Selector       string `json:"selector"`
	// The reason of the API server's refusal to read or to change it.
	ReadError   string `json:"readError"`
	UpdateError string `json:"updateError"`
}

type decision struct {
	Replicas        int32                `json:"replicas"`
	Desired         int32                `json:"desired"`
	Conditions      map[string][2]string `json:"conditions"`
	Recommendations [][2]float64         `json:"recommendations"`
	Up              [][3]float64         `json:"up"`
	Down            [][3]float64         `json:"down"`
}

// Answer reads cases until the end of the input, and writes a line of decisions for each.
func Answer(t *testing.T, input io.Reader, output io.Writer) error {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	utilruntime.ErrorHandlers = nil // one of them sleeps
	world := newWorld()
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, 1<<26)
	encoder := json.NewEncoder(output)
	for lines.Scan() {
		var one testCase
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return err
		}
		world.reset(one.Flags)
		decisions := []decision{}
		synctest.Test(t, func(*testing.T) {
			start := time.Now()
			for _, sync := range one.Syncs {
				time.Sleep(start.Add(seconds(sync.At)).Sub(time.Now()))
				decisions = append(decisions, world.decide(sync, start))
			}
		})
		if err := encoder.Encode(decisions); err != nil {
			return err
		}
	}
	return lines.Err()
}

func seconds(amount float64) time.Duration {
	return time.Duration(amount * float64(time.Second))
}

// A world is the controller and all that it asks.
type world struct {
	controller *HorizontalController
	metrics    metricsclient.MetricsClient
	pods       cache.Indexer
	hpa        *autoscalingv2.HorizontalPodAutoscaler
	now        sync_
}

func newWorld() *world {
	w := &world{}
	w.metrics = metricsclient.NewRESTMetricsClient(resourceAPI{world: w}, customAPI{world: w}, externalAPI{world: w})
	apps := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := apimeta.NewDefaultRESTMapper([]schema.GroupVersion{apps})
	mapper.Add(apps.WithKind("Deployment"), apimeta.RESTScopeNamespace)
	factory := informers.NewSharedInformerFactory(nil, 0)
	hpas := factory.Autoscaling().V2().HorizontalPodAutoscalers()
	pods := factory.Core().V1().Pods()
	w.pods = pods.Informer().GetIndexer()
	w.controller = NewHorizontalController(
		context.Background(), noEvents{}, scaleAPI{world: w}, hpaAPI{world: w}, mapper, w.metrics,
		hpas, pods, 1000*time.Hour, 0, 0, 0, 0,
	)
	w.controller.eventRecorder = &record.FakeRecorder{}
	w.controller.enqueueHPA(&autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
	})
	return w
}

func (w *world) reset(given flags) {
	c := w.controller
	delete(c.recommendations, key)
	delete(c.scaleUpEvents, key)
	delete(c.scaleDownEvents, key)
	c.tolerance = given.Tolerance
	c.downscaleStabilisationWindow = seconds(given.Downscale)
	c.replicaCalc = NewReplicaCalculator(w.metrics, c.podLister, seconds(given.CPUInitialization), seconds(given.InitialReadinessDelay))
	w.hpa = &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func (w *world) decide(sync sync_, start time.Time) decision {
	w.now = sync
	w.hpa = w.hpa.DeepCopy()
	w.hpa.Spec = *sync.Spec.DeepCopy()
	w.hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name}
	defaults.SetDefaults_HorizontalPodAutoscaler(w.hpa)
	items := make([]interface{}, len(sync.Pods))
	for i := range sync.Pods {
		sync.Pods[i].Namespace = namespace
		sync.Pods[i].Labels = map[string]string{"app": name}
		items[i] = &sync.Pods[i]
	}
	if err := w.pods.Replace(items, ""); err != nil {
		panic(err)
	}
	// Its error is told by the conditions.
	_ = w.controller.reconcileAutoscaler(context.Background(), w.hpa, key)
	return w.told(start)
}

func (w *world) told(start time.Time) decision {
	c := w.controller
	found := decision{Replicas: w.now.Target.Replicas, Desired: w.hpa.Status.DesiredReplicas, Conditions: map[string][2]string{}}
	for _, each := range w.hpa.Status.Conditions {
		found.Conditions[string(each.Type)] = [2]string{string(each.Status), each.Reason}
	}
	since := func(at time.Time) float64 { return at.Sub(start).Seconds() }
	for _, each := range c.recommendations[key] {
		found.Recommendations = append(found.Recommendations, [2]float64{float64(each.recommendation), since(each.timestamp)})
	}
	events := func(all []timestampedScaleEvent) (out [][3]float64) {
		for _, each := range all {
			outdated := 0.0
			if each.outdated {
				outdated = 1
			}
			out = append(out, [3]float64{float64(each.replicaChange), since(each.timestamp), outdated})
		}
		return out
	}
	found.Up, found.Down = events(c.scaleUpEvents[key]), events(c.scaleDownEvents[key])
	return found
}

type noEvents struct{}

func (noEvents) Events(string) v1core.EventInterface { return nil }

// scaleAPI serves the scale of the target.
type scaleAPI struct {
	scaleclient.ScaleInterface
	world *world
}

func (s scaleAPI) Scales(string) scaleclient.ScaleInterface { return s }

func (s scaleAPI) Get(context.Context, schema.GroupResource, string, metav1.GetOptions) (*autoscalingv1.Scale, error) {
	given := s.world.now.Target
	if given.ReadError != "" {
		return nil, errors.New(given.ReadError)
	}
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       autoscalingv1.ScaleSpec{Replicas: given.Replicas},
		Status:     autoscalingv1.ScaleStatus{Replicas: given.StatusReplicas, Selector: given.Selector},
	}, nil
}

func (s scaleAPI) Update(_ context.Context, _ schema.GroupResource, scale *autoscalingv1.Scale, _ metav1.UpdateOptions) (*autoscalingv1.Scale, error) {
	if refused := s.world.now.Target.UpdateError; refused != "" {
		return nil, errors.New(refused)
	}
	s.world.now.Target.Replicas = scale.Spec.Replicas
	return scale, nil
}

// hpaAPI takes the status of the autoscaler.
type hpaAPI struct {
	autoscalingclient.HorizontalPodAutoscalerInterface
	world *world
}

func (h hpaAPI) HorizontalPodAutoscalers(string) autoscalingclient.HorizontalPodAutoscalerInterface {
	return h
}

func (h hpaAPI) UpdateStatus(_ context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler, _ metav1.UpdateOptions) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	h.world.hpa.Status = *hpa.Status.DeepCopy()
	return hpa, nil
}

var errNotServed = errors.New("not served")

// resourceAPI is metrics.k8s.io.
type resourceAPI struct {
	resourceclient.PodMetricsInterface
	world *world
}

func (r resourceAPI) PodMetricses(string) resourceclient.PodMetricsInterface { return r }

func (r resourceAPI) List(context.Context, metav1.ListOptions) (*metricsapi.PodMetricsList, error) {
	if r.world.now.Resource == nil {
		return nil, errNotServed
	}
	return &metricsapi.PodMetricsList{Items: *r.world.now.Resource}, nil
}

// customAPI is custom.metrics.k8s.io.
type customAPI struct {
	customclient.MetricsInterface
	world *world
}

func (c customAPI) RootScopedMetrics() customclient.MetricsInterface       { return c }
func (c customAPI) NamespacedMetrics(string) customclient.MetricsInterface { return c }

func (c customAPI) GetForObject(_ schema.GroupKind, _ string, metric string, _ labels.Selector) (*customapi.MetricValue, error) {
	value, served := c.world.now.Object[metric]
	if !served {
		return nil, errNotServed
	}
	return &customapi.MetricValue{Value: value}, nil
}

func (c customAPI) GetForObjects(_ schema.GroupKind, _ labels.Selector, metric string, _ labels.Selector) (*customapi.MetricValueList, error) {
	values, served := c.world.now.Custom[metric]
	if !served {
		return nil, errNotServed
	}
	return &customapi.MetricValueList{Items: values}, nil
}

// externalAPI is external.metrics.k8s.io.
type externalAPI struct {
	externalclient.MetricsInterface
	world *world
}

func (e externalAPI) NamespacedMetrics(string) externalclient.MetricsInterface { return e }

func (e externalAPI) List(metric string, _ labels.Selector) (*externalapi.ExternalMetricValueList, error) {
	values, served := e.world.now.External[metric]
	if !served {
		return nil, errNotServed
	}
	found := &externalapi.ExternalMetricValueList{}
	for _, value := range values {
		found.Items = append(found.Items, externalapi.ExternalMetricValue{Value: value})
	}
	return found, nil
}
