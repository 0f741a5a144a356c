// Package pay is a sample: agent imports it through wire, hub directly.
package pay
