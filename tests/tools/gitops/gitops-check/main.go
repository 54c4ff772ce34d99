// Reads JSON from standard input: a health assessment of Argo CD in Lua, expressions of Flux in CEL, and objects. Writes for each
// object how Argo CD and kstatus (Flux without expressions) assess it, and the value of each expression. Lua runs in the interpreter that Argo CD uses, with the libraries that it allows by default.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type input struct {
	Lua     string            `json:"lua"`
	CEL     map[string]string `json:"cel"`
	Objects []map[string]any  `json:"objects"`
}

type assessment struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type output struct {
	ArgoCD  assessment      `json:"argocd"`
	Kstatus assessment      `json:"kstatus"`
	CEL     map[string]bool `json:"cel"`
}

func main() {
	var given input
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		fail(err)
	}
	found := []output{}
	for _, object := range given.Objects {
		argocd, err := runLua(given.Lua, object)
		if err != nil {
			fail(err)
		}
		kstatus, err := compute(object)
		if err != nil {
			fail(err)
		}
		values, err := evaluate(given.CEL, object)
		if err != nil {
			fail(err)
		}
		found = append(found, output{argocd, kstatus, values})
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func compute(object map[string]any) (assessment, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return assessment{}, err
	}
	var decoded unstructured.Unstructured // with numbers as the API machinery reads them
	if err := decoded.UnmarshalJSON(text); err != nil {
		return assessment{}, err
	}
	result, err := status.Compute(&decoded)
	if err != nil {
		return assessment{}, err
	}
	return assessment{string(result.Status), result.Message}, nil
}

// evaluate returns the values of expressions, in which the fields of the object are variables.
func evaluate(expressions map[string]string, object map[string]any) (map[string]bool, error) {
	environment, err := cel.NewEnv(cel.Variable("metadata", cel.DynType), cel.Variable("spec", cel.DynType), cel.Variable("status", cel.DynType))
	if err != nil {
		return nil, err
	}
	values := map[string]bool{}
	for name, expression := range expressions {
		parsed, issues := environment.Compile(expression)
		if issues.Err() != nil {
			return nil, issues.Err()
		}
		program, err := environment.Program(parsed)
		if err != nil {
			return nil, err
		}
		result, _, err := program.Eval(object)
		if err != nil {
			return nil, err
		}
		values[name] = result == types.True
	}
	return values, nil
}

func runLua(script string, object map[string]any) (assessment, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	libraries := map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.OsLibName: noClock,
	}
	for _, name := range []string{lua.LoadLibName, lua.BaseLibName, lua.TabLibName, lua.OsLibName} {
		parameters := lua.P{Fn: state.NewFunction(libraries[name]), NRet: 0, Protect: true}
		if err := state.CallByParam(parameters, lua.LString(name)); err != nil {
			return assessment{}, err
		}
	}
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(script); err != nil {
		return assessment{}, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return assessment{}, fmt.Errorf("the script returns %s, not a table", state.Get(-1).Type())
	}
	return assessment{table.RawGetString("status").String(), table.RawGetString("message").String()}, nil
}

// noClock leaves `os` empty: the assessment must not depend on the time.
func noClock(*lua.LState) int { return 0 }

func value(state *lua.LState, given any) lua.LValue {
	switch typed := given.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, each := range typed {
			table.RawSetString(key, value(state, each))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, each := range typed {
			table.Append(value(state, each))
		}
		return table
	case string:
		return lua.LString(typed)
	case bool:
		return lua.LBool(typed)
	case float64:
		return lua.LNumber(typed)
	default:
		return lua.LNil
	}
}
