package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// interval is the time between two scrapes.
const interval = 15 * time.Second

// scrapes are series with their samples, by the text of their labels. It is the storage of queries.
type scrapes map[string]*series

type series struct {
	labels  labels.Labels
	samples []sample
}

type sample struct {
	t int64 // milliseconds
	v float64
}

// name is the form of the name of a file.
var name = regexp.MustCompile(`^(.+)-(\d+)\.prom$`)

// add adds a scrape and returns its time.
func (s scrapes) add(file string) (time.Time, error) {
	parts := name.FindStringSubmatch(filepath.Base(file))
	if parts == nil {
		return time.Time{}, fmt.Errorf("%s: the name is not <job>-<number>.prom", file)
	}
	n, err := strconv.Atoi(parts[2])
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", file, err)
	}
	at := time.Unix(0, 0).Add(time.Duration(n+1) * interval)
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, err
	}
	p := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("%s: %w", file, err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		_, _, v := p.Series()
		s.put(withTarget(l, parts[1]), sample{at.UnixMilli(), v})
	}
}

// withTarget adds the labels that Prometheus adds.
func withTarget(l labels.Labels, job string) labels.Labels {
	b := labels.NewBuilder(l)
	b.Set("job", job)
	b.Set("instance", "127.0.0.1:8000")
	return b.Labels()
}

func (s scrapes) put(l labels.Labels, one sample) {
	key := l.String()
	if s[key] == nil {
		s[key] = &series{labels: l}
	}
	s[key].samples = append(s[key].samples, one)
	slices.SortFunc(s[key].samples, func(a, b sample) int { return int(a.t - b.t) })
}

// evaluate returns what is wrong with the result of a query at a time; "" if nothing is.
func (s scrapes) evaluate(ctx context.Context, text string, at time.Time) string {
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: 10 * time.Second, LookbackDelta: 5 * time.Minute})
	q, err := engine.NewInstantQuery(ctx, s, nil, text, at)
	if err != nil {
		return err.Error()
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return result.Err.Error()
	}
	vector, err := result.Vector()
	if err != nil {
		return err.Error()
	}
	for _, one := range vector {
		if !math.IsNaN(one.F) {
			return ""
		}
	}
	return fmt.Sprintf("no result (%d that are no numbers)", len(vector))
}

// Querier implements storage.Queryable.
func (s scrapes) Querier(int64, int64) (storage.Querier, error) { return querier{s}, nil }

type querier struct{ scrapes scrapes }

func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &found{}
	for _, one := range q.scrapes {
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(one.labels.Get(m.Name)) }) {
			set.series = append(set.series, one)
		}
	}
	slices.SortFunc(set.series, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	return set
}

func (q querier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errors.ErrUnsupported
}

func (q querier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errors.ErrUnsupported
}

func (q querier) Close() error { return nil }

// found is a set of series.
type found struct {
	series []*series
	at     *series
}

func (f *found) Next() bool {
	if len(f.series) == 0 {
		return false
	}
	f.at, f.series = f.series[0], f.series[1:]
	return true
}

func (f *found) At() storage.Series                { return f.at }
func (f *found) Err() error                        { return nil }
func (f *found) Warnings() annotations.Annotations { return nil }

func (s *series) Labels() labels.Labels { return s.labels }

func (s *series) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return storage.NewListSeriesIterator(list(s.samples))
}

// list is samples in the form of the storage.
type list []sample

func (l list) Get(i int) chunks.Sample { return l[i] }
func (l list) Len() int                { return len(l) }

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.v }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }
