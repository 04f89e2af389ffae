// An OpenID provider for tests and the demo: the protocol is zitadel's library, users and sessions
// are a list in a file and in memory. It is no provider to be used for anything else.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Config is the file that the program reads.
type Config struct {
	Issuer  string `json:"issuer"`
	Listen  string `json:"listen"`
	Seconds int    `json:"seconds"` // how long ID tokens and access tokens last
	Control bool   `json:"control"` // whether tests may turn keys and end sessions
	Hints   bool   `json:"hints"`   // whether the page of the sign-in shows the users' passwords
	Client  struct {
		ID            string   `json:"id"`
		Secret        string   `json:"secret"`
		RedirectURIs  []string `json:"redirect_uris"`
		SignedOutURIs []string `json:"signed_out_uris"`
		BackChannel   string   `json:"back_channel"`
	} `json:"client"`
	Users []User `json:"users"`
}

func (c Config) lifetime() time.Duration { return time.Duration(c.Seconds) * time.Second }

var page = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
body { font: 1rem/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 90vh; }
main { width: min(24rem, 100%); }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input, button { padding: .5rem; margin: .25rem 0 1rem; }
table { font-size: .875rem; } td { padding-right: 1rem; }
</style></head><body><main>
<h1>Sign in</h1>
{{with .Error}}<p role="alert">{{.}}</p>{{end}}
<form method="post" action="/login">
<input type="hidden" name="id" value="{{.ID}}">
<label for="name">User name</label><input id="name" name="name" autocomplete="username" autofocus required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button>
</form>
{{if .Users}}<p>The demonstration's users and passwords:</p>
<table>{{range .Users}}<tr><td>{{.Name}}</td><td>{{.Password}}</td></tr>{{end}}</table>{{end}}
</main></body></html>`))

const cookie = "provider-session"

func main() {
	path := flag.String("config", "", "the file to read")
	flag.Parse()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	text, err := os.ReadFile(*path)
	if err != nil {
		log.Fatal(err)
	}
	config := Config{Seconds: 300}
	if err := json.Unmarshal(text, &config); err != nil {
		log.Fatal(err)
	}
	kept := newStorage(config)
	kept.ended = func(session, user string) { tell(config, kept, session, user) }
	handler, err := site(config, kept)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", config.Listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

func site(config Config, kept *storage) (http.Handler, error) {
	var secret [32]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, err
	}
	provider, err := op.NewProvider(
		&op.Config{
			CryptoKey:             secret,
			CodeMethodS256:        true,
			GrantTypeRefreshToken: true,
		},
		kept,
		op.StaticIssuer(config.Issuer),
		op.WithAllowInsecure(),
	)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	mux.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	back := op.AuthCallbackURL(provider)
	issuer := op.NewIssuerInterceptor(provider.IssuerFromRequest)
	mux.HandleFunc("GET /login", issuer.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("id")
		if found, err := r.Cookie(cookie); err == nil && kept.resume(id, found.Value) {
			http.Redirect(w, r, back(r.Context(), id), http.StatusFound)
			return
		}
		show(w, config, id, "")
	}))
	mux.HandleFunc("POST /login", issuer.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.PostFormValue("id")
		session, err := kept.signIn(id, r.PostFormValue("name"), r.PostFormValue("password"))
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			show(w, config, id, err.Error())
			return
		}
		http.SetCookie(w, &http.Cookie{
			Name: cookie, Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		http.Redirect(w, r, back(r.Context(), id), http.StatusFound)
	}))
	if config.Control {
		mux.HandleFunc("POST /control/rotate", func(http.ResponseWriter, *http.Request) { kept.rotate() })
		mux.HandleFunc("POST /control/end", func(_ http.ResponseWriter, r *http.Request) {
			kept.end(r.FormValue("user"), r.FormValue("tell") != "")
		})
	}
	return mux, nil
}

func show(w http.ResponseWriter, config Config, id, problem string) {
	var users []User
	if config.Hints {
		users = config.Users
	}
	told := map[string]any{"ID": id, "Error": problem, "Users": users}
	if err := page.Execute(w, told); err != nil {
		log.Print(err)
	}
}

// tell sends a logout token to the client, as back-channel logout wants it.
func tell(config Config, kept *storage, session, user string) {
	if config.Client.BackChannel == "" {
		return
	}
	signing, err := kept.SigningKey(context.Background())
	if err != nil {
		log.Print(err)
		return
	}
	options := (&jose.SignerOptions{}).WithType("logout+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.RS256,
		Key:       jose.JSONWebKey{Key: signing.Key(), KeyID: signing.ID()},
	}, options)
	if err != nil {
		log.Print(err)
		return
	}
	claims := oidc.NewLogoutTokenClaims(
		config.Issuer, user, oidc.Audience{config.Client.ID}, time.Now().Add(2*time.Minute),
		uuid.NewString(), session, 0,
	)
	text, err := json.Marshal(claims)
	if err != nil {
		log.Print(err)
		return
	}
	signed, err := signer.Sign(text)
	if err != nil {
		log.Print(err)
		return
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		log.Print(err)
		return
	}
	form := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	answer, err := http.Post(config.Client.BackChannel, "application/x-www-form-urlencoded", form)
	if err != nil {
		log.Print(err)
		return
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		said := new(bytes.Buffer)
		_, _ = io.CopyN(said, answer.Body, 500)
		log.Printf("the client refuses a logout: %s %s", answer.Status, said)
	}
}
