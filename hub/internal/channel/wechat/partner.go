package wechat

import (
	"errors"
	"slices"
	"strings"
)

// partner checks what a service provider says of the merchant it stands for: both empty for a merchant of its own.
func (c *Config) partner() error {
	switch {
	case c.SubMchID == "" && c.SubAppID == "":
		return nil
	case !mchShape.MatchString(c.SubMchID) || c.SubMchID == c.MchID:
		return errors.New("SubMchID: the digits of the sub merchant's number, which is not the service provider's own")
	case c.SubAppID != "" && !idShape.MatchString(c.SubAppID):
		return errors.New("SubAppID: 1 to 32 letters and digits, or none")
	}
	return nil
}

// forSub puts the sub merchant into fields that are sorted by name; a merchant of its own has none.
func (c *Channel) forSub(fields []field) []field {
	if c.subMchID == "" {
		return fields
	}
	fields = append(slices.Clip(fields), field{"sub_appid", c.subAppID}, field{"sub_mch_id", c.subMchID})
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return fields
}

// ours reports that an answer is about our merchant: of a service provider's, also about the sub merchant it stands for,
// because one key signs for all of them.
func (c *Channel) ours(got fields) bool {
	return got.get("appid") == c.appID && got.get("mch_id") == c.mchID && got.get("sub_mch_id") == c.subMchID &&
		(got.get("sub_appid") == "" || got.get("sub_appid") == c.subAppID)
}
