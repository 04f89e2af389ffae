{{/*
Rules that a JSON schema cannot express. Everything that is wrong is told at once, each on a line
of the form that Helm uses for the schema's own messages: - at '/path/of/value': sentence
*/}}
{{- define "dash-app.validate" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}

{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" .Release.Name) -}}
{{- $wrong = append $wrong (printf "the release name %s also names a Service, so it must begin with a letter and hold only lower-case letters, digits and '-'" .Release.Name) -}}
{{- end -}}

{{- if not $v.image.repository -}}
{{- $wrong = append $wrong "at '/image/repository': name the image to run, for example --set image.repository=team/app,image.tag=1.0" -}}
{{- end -}}

{{- if and $v.containerPort $v.containerPorts.http (ne (int $v.containerPort) (int ($v.containerPorts.http | default 0))) -}}
{{- $wrong = append $wrong (printf "at '/containerPort': %d contradicts containerPorts.http, which is %d; set only one of them" (int $v.containerPort) (int $v.containerPorts.http)) -}}
{{- end -}}

{{- with $v.autoscaling -}}
{{- if .enabled -}}
{{- if gt (int .minReplicas) (int .maxReplicas) -}}
{{- $wrong = append $wrong (printf "at '/autoscaling/minReplicas': %d is more than autoscaling.maxReplicas, which is %d" (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- if not (or .targetCPU .targetMemory) -}}
{{- $wrong = append $wrong "at '/autoscaling': set targetCPU or targetMemory, or there is nothing to scale on" -}}
{{- end -}}
{{- range $resource, $target := dict "cpu" .targetCPU "memory" .targetMemory -}}
{{- $key := ternary "targetCPU" "targetMemory" (eq $resource "cpu") -}}
{{- if and $target (not (get ($v.resources.requests | default dict) $resource)) (not (get ($v.resources.limits | default dict) $resource)) -}}
{{- $wrong = append $wrong (printf "at '/autoscaling/%s': a target is a percentage of the request, so it needs resources.requests.%s" $key $resource) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- range $name, $limit := $v.resources.limits -}}
{{- $request := get ($v.resources.requests | default dict) $name -}}
{{- if $request -}}
{{- if lt (include "dash-app.quantity" $limit | float64) (include "dash-app.quantity" $request | float64) -}}
{{- $wrong = append $wrong (printf "at '/resources/limits/%s': %v is less than resources.requests.%s, which is %v; raise the limit or lower the request" $name $limit $name $request) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if ge (int $v.preStopSleepSeconds) (int $v.terminationGracePeriodSeconds) -}}
{{- $wrong = append $wrong (printf "at '/preStopSleepSeconds': %d s leave nothing of terminationGracePeriodSeconds, which is %d, to finish requests in" (int $v.preStopSleepSeconds) (int $v.terminationGracePeriodSeconds)) -}}
{{- end -}}

{{- with $v.updateStrategy -}}
{{- if and (eq .type "RollingUpdate") (has (toString .rollingUpdate.maxSurge) (list "0" "0%")) (has (toString .rollingUpdate.maxUnavailable) (list "0" "0%")) -}}
{{- $wrong = append $wrong "at '/updateStrategy/rollingUpdate': with maxSurge and maxUnavailable both 0 no pod could ever be replaced" -}}
{{- end -}}
{{- end -}}

{{- if and $v.service.nodePort (eq $v.service.type "ClusterIP") -}}
{{- $wrong = append $wrong "at '/service/nodePort': a Service of type ClusterIP has no node port; use NodePort or LoadBalancer" -}}
{{- end -}}
{{- if and $v.ingress.enabled $v.ingress.tls (not $v.ingress.hostname) -}}
{{- $wrong = append $wrong "at '/ingress/hostname': TLS needs the host name that the certificate is for" -}}
{{- end -}}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) -}}
{{- $wrong = append $wrong "at '/httpRoute/parentRefs': name the Gateway to attach to, for example --set httpRoute.parentRefs[0].name=public" -}}
{{- end -}}

{{- if and $v.persistence.existingClaim (eq (clean $v.persistence.mountPath) "/tmp") -}}
{{- $wrong = append $wrong "at '/persistence/mountPath': /tmp is the pod's own scratch space; mount the volume elsewhere" -}}
{{- end -}}

{{- $taken := dict "/tmp" "the pod's own scratch space" "/dev/shm" "shared memory" -}}
{{- if $v.persistence.existingClaim -}}
{{- $_ := set $taken (clean $v.persistence.mountPath) "where the volume is mounted" -}}
{{- end -}}
{{- range $i, $folder := $v.writableFolders -}}
{{- $path := clean $folder.path -}}
{{- $at := printf "at '/writableFolders/%d/path'" $i -}}
{{- if eq $path "/" -}}
{{- $wrong = append $wrong (printf "%s: / is the whole image; name folders in it, or set containerSecurityContext.readOnlyRootFilesystem to false" $at) -}}
{{- else -}}
{{- range $other, $what := $taken -}}
{{- if eq $other $path -}}
{{- $wrong = append $wrong (printf "%s: %s is %s" $at $path $what) -}}
{{- else if or (hasPrefix (printf "%s/" $other) $path) (hasPrefix (printf "%s/" $path) $other) -}}
{{- $wrong = append $wrong (printf "%s: %s and %s, which is %s, lie one in the other" $at $path $other $what) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $taken $path "another writable folder" -}}
{{- end -}}
{{- end -}}

{{- $seen := dict -}}
{{- range $i, $var := $v.extraEnvVars -}}
{{- if hasKey $seen $var.name -}}
{{- $wrong = append $wrong (printf "at '/extraEnvVars/%d/name': %s is set twice" $i $var.name) -}}
{{- end -}}
{{- $_ := set $seen $var.name true -}}
{{- end -}}

{{- if $wrong -}}
{{- fail (printf "values that cannot work together:\n- %s\n" (join "\n- " $wrong)) -}}
{{- end -}}
{{- end }}
