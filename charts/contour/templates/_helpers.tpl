{{/*
The templates of this chart read the objects of the manifests (objects/, generated), change what values say, and print the rest as it is.
*/}}

{{/* An object of objects/ in the namespace of the release: {root, name of the file without .yaml}. */}}
{{- define "contour.object" -}}
{{- $root := .root -}}
{{- $object := $root.Files.Get (printf "objects/%s.yaml" .name) | fromYaml -}}
{{- if $object.metadata.namespace }}{{- $_ := set $object.metadata "namespace" $root.Release.Namespace }}{{- end -}}
{{- range $object.subjects }}{{- $_ := set . "namespace" $root.Release.Namespace }}{{- end -}}
{{- if has $object.kind (list "ClusterRole" "ClusterRoleBinding") -}}
{{-   $_ := set $object.metadata "name" (include "contour.clusterName" (list $root $object.metadata.name)) -}}
{{-   with $object.roleRef }}{{- $_ := set . "name" (include "contour.clusterName" (list $root .name)) }}{{- end -}}
{{- end -}}
{{- include "contour.label" (list $root $object) -}}
{{- toYaml $object -}}
{{- end -}}

{{/* Adds the labels of all objects to one: [root, object]. */}}
{{- define "contour.label" -}}
{{- $object := last . -}}
{{- with (first .).Values.labels }}{{- $_ := set $object.metadata "labels" (merge (default dict $object.metadata.labels) .) }}{{- end -}}
{{- end -}}

{{/* The name of an object that has no namespace: [root, its name in the manifests]. Those of another class contain the name of the class. */}}
{{- define "contour.clusterName" -}}
{{- $class := (first .).Values.ingressClass.name -}}
{{- if not (regexMatch "^contour(-|$)" $class) }}{{- $class = printf "contour-%s" $class }}{{- end -}}
{{- printf "%s%s" $class (trimPrefix "contour" (last .)) -}}
{{- end -}}

{{/* An image: [root, values of the image]. A chart of a release has the digest of its image. */}}
{{- define "contour.image" -}}
{{- $chart := (first .).Chart -}}
{{- $image := last . -}}
{{- $digest := $image.digest -}}
{{- if and (not $image.tag) (not $digest) }}{{- $digest = index (default dict $chart.Annotations) "contour.example/image-digest" }}{{- end -}}
{{- printf "%s:%s" $image.repository (default $chart.AppVersion $image.tag) -}}
{{- with $digest }}{{- printf "@%s" . }}{{- end -}}
{{- end -}}

{{/* Sets the images of a pod's containers: [root, spec of the pod]. That of the container envoy is Envoy's, all others are contour's. */}}
{{- define "contour.setImages" -}}
{{- $root := first . -}}
{{- $spec := last . -}}
{{- range concat (default list $spec.initContainers) $spec.containers -}}
{{-   $image := ternary $root.Values.envoy.image $root.Values.image (eq .name "envoy") -}}
{{-   $_ := set . "image" (include "contour.image" (list $root $image)) -}}
{{-   $_ := set . "imagePullPolicy" $image.pullPolicy -}}
{{- end -}}
{{- with $root.Values.imagePullSecrets }}{{- $_ := set $spec "imagePullSecrets" . }}{{- end -}}
{{- end -}}

{{/* Sets what contour and envoy have in common in the template of their pods: [root, values, template of the pod]. */}}
{{- define "contour.setPod" -}}
{{- $root := first . -}}
{{- $values := index . 1 -}}
{{- $template := last . -}}
{{- include "contour.setImages" (list $root $template.spec) -}}
{{- range tuple "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" -}}
{{-   $value := index $values . -}}
{{-   if $value }}{{- $_ := set $template.spec . $value }}{{- end -}}
{{- end -}}
{{- $selected := dict "labels" (dict "app" $template.metadata.labels.app) -}}
{{- $labels := merge dict $selected.labels (default dict $values.podLabels) (default dict $root.Values.labels) $template.metadata.labels -}}
{{- $_ := set $template.metadata "labels" $labels -}}
{{- if not $root.Values.monitoring.annotations -}}
{{-   $_ := unset $template.metadata "annotations" -}}
{{- end -}}
{{- with $values.podAnnotations }}{{- $_ := set $template.metadata "annotations" (merge dict . (default dict $template.metadata.annotations)) }}{{- end -}}
{{- end -}}

{{/* Names the Secret of a volume: [spec of the pod, name of the Secret in the manifests, name of the Secret]. */}}
{{- define "contour.setSecret" -}}
{{- $was := index . 1 -}}
{{- $is := last . -}}
{{- range (first .).volumes -}}
{{-   if and .secret (eq .secret.secretName $was) }}{{- $_ := set .secret "secretName" $is }}{{- end -}}
{{- end -}}
{{- end -}}

{{/* 80 % of a limit of memory, in bytes: [the limit]. */}}
{{- define "contour.maxHeap" -}}
{{- $limit := toString (first .) -}}
{{- $unit := regexFind "[A-Za-z]+$" $limit -}}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $number := trimSuffix $unit $limit -}}
{{- if not (and (hasKey $units $unit) (regexMatch "^[1-9][0-9]*$" $number)) -}}
{{-   fail (printf "envoy.resources.limits.memory is %q, must be a whole number of Ki, Mi or Gi" $limit) -}}
{{- end -}}
{{- div (mul (int64 $number) (get $units $unit) 4) 5 -}}
{{- end -}}
