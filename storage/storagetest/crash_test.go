package storagetest

import "testing"

func TestCrashChild(t *testing.T) { CrashChild(t) }

func TestK11_CrashWhileEnrolling(t *testing.T) { Each(t, CrashWhileEnrolling) }

func TestQ01_CrashWhileRefreshing(t *testing.T) { Each(t, CrashWhileRefreshing) }
