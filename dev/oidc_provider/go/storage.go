package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

var errNone = errors.New("there is no such thing")

// User is somebody who may sign in.
type User struct {
	Name     string   `json:"name"`
	Password string   `json:"password"`
	Email    string   `json:"email"`
	Groups   []string `json:"groups"`
}

// key is a key pair that signs tokens.
type key struct {
	id      string
	private *rsa.PrivateKey
}

func newKey() *key {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return &key{uuid.NewString(), private}
}

func (k *key) ID() string                                  { return k.id }
func (k *key) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k *key) Key() any                                    { return k.private }

// publicKey is the part of a key that is published.
type publicKey struct{ *key }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.private.PublicKey }

// request is a sign-in that is under way.
type request struct {
	*oidc.AuthRequest
	id, user, session string
	at                time.Time
}

func (r *request) GetID() string          { return r.id }
func (r *request) GetACR() string         { return "" }
func (r *request) GetAMR() []string       { return []string{"pwd"} }
func (r *request) GetAudience() []string  { return []string{r.ClientID} }
func (r *request) GetAuthTime() time.Time { return r.at }
func (r *request) GetClientID() string    { return r.ClientID }
func (r *request) GetSubject() string     { return r.user }
func (r *request) Done() bool             { return r.user != "" }
func (r *request) GetNonce() string       { return r.Nonce }
func (r *request) GetScopes() []string    { return r.Scopes }
func (r *request) sid() string            { return r.session }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod}
}

// grant is what a refresh token stands for.
type grant struct {
	user, client, session string
	scopes                []string
	at                    time.Time
}

func (g *grant) GetAMR() []string                 { return []string{"pwd"} }
func (g *grant) GetAudience() []string            { return []string{g.client} }
func (g *grant) GetAuthTime() time.Time           { return g.at }
func (g *grant) GetClientID() string              { return g.client }
func (g *grant) GetScopes() []string              { return g.scopes }
func (g *grant) GetSubject() string               { return g.user }
func (g *grant) SetCurrentScopes(scopes []string) { g.scopes = scopes }
func (g *grant) sid() string                      { return g.session }

// storage keeps everything in memory.
type storage struct {
	config Config

	lock     sync.Mutex
	keys     []*key // the newest first
	requests map[string]*request
	codes    map[string]string
	grants   map[string]*grant // by refresh token
	access   map[string]*grant // by access token's ID
	sessions map[string]string // the user of each session of a browser
	ended    func(session, user string)
}

func newStorage(config Config) *storage {
	return &storage{
		config:   config,
		keys:     []*key{newKey()},
		requests: map[string]*request{},
		codes:    map[string]string{},
		grants:   map[string]*grant{},
		access:   map[string]*grant{},
		sessions: map[string]string{},
	}
}

func (s *storage) user(name string) *User {
	for i := range s.config.Users {
		if s.config.Users[i].Name == name {
			return &s.config.Users[i]
		}
	}
	return nil
}

// rotate signs with a new key; the old one is published no longer.
func (s *storage) rotate() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.keys = []*key{newKey()}
}

// signIn ends the first part of a request: somebody has given a name and a password.
func (s *storage) signIn(id, name, password string) (session string, err error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	asked, user := s.requests[id], s.user(name)
	if asked == nil {
		return "", errors.New("This sign-in has ended. Go back to the portal and begin again.")
	}
	if user == nil || user.Password != password {
		return "", errors.New("The name or the password is wrong.")
	}
	session = uuid.NewString()
	s.sessions[session] = name
	asked.user, asked.session, asked.at = name, session, time.Now()
	return session, nil
}

// resume does so for a browser that is signed in already.
func (s *storage) resume(id, session string) bool {
	s.lock.Lock()
	defer s.lock.Unlock()
	asked, name := s.requests[id], s.sessions[session]
	if asked == nil || name == "" {
		return false
	}
	asked.user, asked.session, asked.at = name, session, time.Now()
	return true
}

// end ends all sessions of a user, and tells the clients so if tell is true.
func (s *storage) end(user string, tell bool) {
	s.lock.Lock()
	var gone []string
	for session, name := range s.sessions {
		if name == user {
			delete(s.sessions, session)
			gone = append(gone, session)
		}
	}
	for token, each := range s.grants {
		if each.user == user {
			delete(s.grants, token)
		}
	}
	s.lock.Unlock()
	for _, session := range gone {
		if tell && s.ended != nil {
			s.ended(session, user)
		}
	}
}

func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	made := &request{AuthRequest: asked, id: uuid.NewString()}
	s.requests[made.id] = made
	return made, nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if found := s.requests[id]; found != nil {
		return found, nil
	}
	return nil, errNone
}

func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.lock.Lock()
	id := s.codes[code]
	s.lock.Unlock()
	return s.AuthRequestByID(ctx, id)
}

func (s *storage) SaveAuthCode(_ context.Context, id string, code string) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.codes[code] = id
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.requests, id)
	for code, each := range s.codes {
		if each == id {
			delete(s.codes, code)
		}
	}
	return nil
}

func (s *storage) grantFor(asked op.TokenRequest) *grant {
	switch each := asked.(type) {
	case *request:
		return &grant{each.user, each.ClientID, each.session, each.Scopes, each.at}
	case *grant:
		return &grant{each.user, each.client, each.session, each.scopes, each.at}
	}
	return nil
}

func (s *storage) CreateAccessToken(_ context.Context, asked op.TokenRequest) (string, time.Time, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	made := s.grantFor(asked)
	if made == nil {
		return "", time.Time{}, fmt.Errorf("no tokens for %T", asked)
	}
	id := uuid.NewString()
	s.access[id] = made
	return id, time.Now().Add(s.config.lifetime()), nil
}

func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, asked op.TokenRequest, current string) (string, string, time.Time, error) {
	s.lock.Lock()
	made := s.grantFor(asked)
	_, known := s.grants[current]
	if made == nil || (current != "" && !known) {
		s.lock.Unlock()
		return "", "", time.Time{}, op.ErrInvalidRefreshToken
	}
	delete(s.grants, current)
	refresh := uuid.NewString()
	s.grants[refresh] = made
	s.lock.Unlock()
	id, until, err := s.CreateAccessToken(ctx, asked)
	return id, refresh, until, err
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if found := s.grants[token]; found != nil {
		return found, nil
	}
	return nil, errNone
}

func (s *storage) TerminateSession(_ context.Context, user, _ string) error {
	s.end(user, false)
	return nil
}

func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.grants, token)
	delete(s.access, token)
	return nil
}

func (s *storage) GetRefreshTokenInfo(_ context.Context, _, token string) (string, string, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if found := s.grants[token]; found != nil {
		return found.user, token, nil
	}
	return "", "", op.ErrInvalidRefreshToken
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.keys[0], nil
}

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	var found []op.Key
	for _, each := range s.keys {
		found = append(found, publicKey{each})
	}
	return found, nil
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id == s.config.Client.ID {
		return &client{s.config}, nil
	}
	return nil, errNone
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id == s.config.Client.ID && secret == s.config.Client.Secret {
		return nil
	}
	return errNone
}

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

// SetUserinfoFromRequest fills in an ID token.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, asked op.IDTokenRequest, _ []string) error {
	if of, ok := asked.(interface{ sid() string }); ok && of.sid() != "" {
		info.AppendClaims("sid", of.sid())
	}
	return s.describe(info, asked.GetSubject())
}

func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, id, subject, _ string) error {
	s.lock.Lock()
	_, known := s.access[id]
	s.lock.Unlock()
	if !known {
		return errNone
	}
	return s.describe(info, subject)
}

func (s *storage) describe(info *oidc.UserInfo, name string) error {
	user := s.user(name)
	if user == nil {
		return errNone
	}
	info.Subject = user.Name
	info.PreferredUsername = user.Name
	info.Email = user.Email
	info.EmailVerified = true
	info.AppendClaims("groups", user.Groups)
	return nil
}

func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNone
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNone
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNone
}

func (s *storage) Health(context.Context) error { return nil }

// client is the portal, as the provider knows it.
type client struct{ config Config }

func (c *client) GetID() string                       { return c.config.Client.ID }
func (c *client) RedirectURIs() []string              { return c.config.Client.RedirectURIs }
func (c *client) PostLogoutRedirectURIs() []string    { return c.config.Client.SignedOutURIs }
func (c *client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c *client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c *client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c *client) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}
func (c *client) LoginURL(id string) string           { return "/login?id=" + id }
func (c *client) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }
func (c *client) IDTokenLifetime() time.Duration      { return c.config.lifetime() }
func (c *client) DevMode() bool                       { return true }
func (c *client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (c *client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(scopes []string) []string { return scopes }
}
func (c *client) IsScopeAllowed(string) bool           { return true }
func (c *client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c *client) ClockSkew() time.Duration             { return 0 }
