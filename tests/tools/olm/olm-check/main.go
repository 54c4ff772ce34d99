// Program olm-check runs the official validators of operator-framework over a bundle, or loads a file-based catalog.
//
//	olm-check bundle DIRECTORY     every error and warning is printed, and either makes it fail
//	olm-check catalog DIRECTORY    fails unless it can be read and its channels are sound
//
// It also takes the arguments with which a catalog image is built, in the place of opm, and then does the same as with
// "catalog". It does not write the cache.
//
//	olm-check serve DIRECTORY --cache-dir=DIRECTORY --cache-only
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/operator-framework/api/pkg/manifests"
	"github.com/operator-framework/api/pkg/validation"
	"github.com/operator-framework/operator-registry/alpha/declcfg"
)

// kubernetes is the version whose removed APIs a bundle must not use.
const kubernetes = "1.36"

func main() {
	if len(os.Args) == 5 && os.Args[1] == "serve" && strings.HasPrefix(os.Args[3], "--cache-dir=") && os.Args[4] == "--cache-only" {
		os.Args = []string{os.Args[0], "catalog", os.Args[2]}
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: olm-check bundle|catalog DIRECTORY")
		os.Exit(2)
	}
	checks := map[string]func(string) ([]string, error){"bundle": bundle, "catalog": catalog}
	check, known := checks[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "cannot check a %q\n", os.Args[1])
		os.Exit(2)
	}
	problems, err := check(os.Args[2])
	if err != nil {
		problems = append(problems, fmt.Sprintf("error: %v", err))
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	if len(problems) > 0 {
		os.Exit(1)
	}
}

// bundle returns what the validators say of a bundle's directory.
//
// MultipleArchitecturesValidator is left out: it pulls every image.
func bundle(directory string) ([]string, error) {
	found, err := manifests.GetBundleFromDir(directory)
	if err != nil {
		return nil, err
	}
	validators := validation.DefaultBundleValidators.WithValidators(
		validation.OperatorHubV2Validator,
		validation.StandardCategoriesValidator,
		validation.StandardCapabilitiesValidator,
		validation.ObjectValidator,
		validation.AlphaDeprecatedAPIsValidator,
		validation.GoodPracticesValidator,
	)
	objects := append(found.ObjectsToValidate(), map[string]string{"k8s-version": kubernetes})
	var problems []string
	for _, result := range validators.Validate(objects...) {
		for _, problem := range result.Errors {
			problems = append(problems, fmt.Sprintf("error: %s: %v", result.Name, problem))
		}
		for _, problem := range result.Warnings {
			problems = append(problems, fmt.Sprintf("warning: %s: %v", result.Name, problem))
		}
	}
	return problems, nil
}

// catalog reads a file-based catalog and builds its model, which finds what contradicts itself.
func catalog(directory string) ([]string, error) {
	config, err := declcfg.LoadFS(context.Background(), os.DirFS(directory))
	if err != nil {
		return nil, err
	}
	model, err := declcfg.ConvertToModel(*config)
	if err == nil && len(model) == 0 {
		err = fmt.Errorf("no package in %s", directory)
	}
	return nil, err
}
