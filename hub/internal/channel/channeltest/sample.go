package channeltest

import (
	"time"

	"cloudcashier/hub/internal/channel"
	"cloudcashier/shared/money"
	"cloudcashier/shared/pay"
)

// The sample attempt of the hostile tests.
const (
	SampleNumber    = "01JSAMPLE00000000000000001"
	SampleWalletRef = "4200001234202601010000000001"
	SampleFen       = 8888

	SampleRefundNumber = "01JSAMPLEREFUND00000000001"
	SampleRefundRef    = "5000001234202601010000000001"
	SampleRefundFen    = 888
)

var sampleSent = time.Date(2026, 1, 1, 4, 0, 2, 0, time.UTC) // noon in China, and a little

// SampleOrder is the attempt, with a payment code of the wallet.
func SampleOrder(w pay.Wallet) channel.Order {
	codes := map[pay.Wallet]string{
		pay.WeChat: "130061098828009406", pay.Alipay: "287634438256643942", pay.UnionPay: "6220485073630469936",
	}
	code, err := pay.ParseCode(codes[w])
	if err != nil {
		panic(err) // the table above is wrong
	}
	return channel.Order{
		OutTradeNo: SampleNumber, SentAt: sampleSent, Amount: money.Fen(SampleFen), Code: code, Subject: `tea & "cake" <2> 茶`,
		Store: "sto_01J00000000000000000000001", Terminal: "trm_01J00000000000000000000001",
		Expires: time.Date(2026, 1, 1, 4, 1, 15, 0, time.UTC),
	}
}

// SampleRef names the attempt afterwards.
func SampleRef() channel.Ref {
	return channel.Ref{OutTradeNo: SampleNumber, WalletRef: SampleWalletRef, Amount: money.Fen(SampleFen), SentAt: sampleSent}
}

// SampleRefund is a part of the attempt's money on its way back.
func SampleRefund() channel.Refund {
	return channel.Refund{OutRefundNo: SampleRefundNumber, SentAt: sampleSent, Order: SampleRef(), Amount: money.Fen(SampleRefundFen), Reason: `cold & "late" <2>`}
}
