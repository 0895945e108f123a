//go:build shots

package portal

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

func TestShots(t *testing.T) {
	base := os.Getenv("BASE")
	for _, w := range []int{1280, 390} {
		opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("/usr/bin/chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(w, 900), chromedp.UserDataDir(t.TempDir()))
		actx, c1 := chromedp.NewExecAllocator(context.Background(), opts...)
		ctx, c2 := chromedp.NewContext(actx)
		ctx, c3 := context.WithTimeout(ctx, 60*time.Second)
		shot := func(name string) {
			var b []byte
			if err := chromedp.Run(ctx, chromedp.FullScreenshot(&b, 90)); err != nil {
				t.Fatal(name, err)
			}
			os.WriteFile("/tmp/shots/"+name+"-"+map[int]string{1280: "wide", 390: "tel"}[w]+".png", b, 0o644)
		}
		err := chromedp.Run(ctx, chromedp.EmulateViewport(int64(w), 900), chromedp.Navigate(base), chromedp.WaitVisible("input[name=password]"))
		if err != nil {
			t.Fatal(err)
		}
		shot("signin")
		err = chromedp.Run(ctx, chromedp.SendKeys("input[name=username]", os.Getenv("USER_")), chromedp.SendKeys("input[name=password]", os.Getenv("PASS")), chromedp.Submit("input[name=password]"), chromedp.Sleep(1500*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		shot("home")
		for name, p := range map[string]string{"incoming": os.Getenv("P1"), "outgoing": os.Getenv("P2")} {
			if err := chromedp.Run(ctx, chromedp.Navigate(base+p), chromedp.Sleep(700*time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			shot(name)
		}
		var href string
		var ok bool
		if err := chromedp.Run(ctx, chromedp.AttributeValue(`a[href*="/documents/"],a[href*="/document/"]`, "href", &href, &ok)); err == nil && ok {
			chromedp.Run(ctx, chromedp.Evaluate(`location.href=`+"`"+href+"`", nil), chromedp.Sleep(1200*time.Millisecond))
			shot("document")
		} else {
			t.Log("no doc link", err)
		}
		c3()
		c2()
		c1()
	}
}
