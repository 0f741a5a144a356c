package hubd

import (
	"cloudcashier/hub/internal/engine"
	"cloudcashier/hub/internal/portal"
	"cloudcashier/hub/internal/routing"
)

// roads tells the operations page of the channels.
type roads struct{ engine *engine.Engine }

// Channels implements portal.Roads.
func (r roads) Channels() (list []portal.Channel) {
	for _, s := range r.engine.ChannelStates() {
		if s.InForce {
			list = append(list, portal.Channel{Name: s.Name, Wallet: s.Wallet, State: stateOf(s), Answered: s.Figures.Answered, Failed: s.Figures.Failed, Mean: s.Figures.Mean})
		}
	}
	return list
}

func stateOf(s engine.ChannelState) string {
	switch {
	case s.Drained:
		return "drained"
	case s.Maintenance:
		return "maintenance"
	case s.Health.Breaker() != routing.Closed:
		return string(s.Health.Breaker())
	}
	return "taking"
}

// channelGauges are the figures of each channel in force.
func (h *Hub) channelGauges(figures map[string]float64) {
	closed := 0
	for _, s := range h.engine.ChannelStates() {
		if !s.InForce || s.Name == "" {
			continue
		}
		of := `{channel="` + s.Name + `"}`
		figures["channel_breaker_open"+of] = map[bool]float64{true: 1}[s.Health.Breaker() != routing.Closed]
		figures["channel_answered"+of], figures["channel_failed"+of] = float64(s.Figures.Answered), float64(s.Figures.Failed)
		figures["channel_mean_seconds"+of] = s.Figures.Mean.Seconds()
		figures["channel_paying"+of], figures["channel_waiting"+of] = float64(s.Paying), float64(s.Waiting)
		figures["channel_asking"+of], figures["channel_queued"+of] = float64(s.Asking), float64(s.Queued)
		if stateOf(s) != "taking" {
			closed++
		}
	}
	figures["channels_not_taking"] = float64(closed)
}
