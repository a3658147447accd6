// The styles of each digit.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/internal/digit_strokes.h"

namespace suan::data {
namespace {

template <class T, size_t n>
constexpr std::span<const T> list(const T (&values)[n]) {
  return values;
}

constexpr Point k0a0[] = {{0.5f, 0},     {0.22f, 0.12f}, {0.05f, 0.5f},  {0.2f, 0.88f}, {0.5f, 1},
                          {0.8f, 0.88f}, {0.95f, 0.5f},  {0.78f, 0.12f}, {0.5f, 0}};
constexpr Stroke k0a[] = {k0a0};
constexpr Point k0b0[] = {{0.62f, 0.04f}, {0.3f, 0.1f},  {0.06f, 0.5f},  {0.2f, 0.9f},
                          {0.5f, 1},      {0.8f, 0.86f}, {0.95f, 0.45f}, {0.75f, 0.1f},
                          {0.45f, 0.02f}, {0.3f, 0.1f}};
constexpr Stroke k0b[] = {k0b0};
constexpr Point k0c0[] = {{0.75f, 0},    {0.45f, 0.05f}, {0.1f, 0.4f}, {0.12f, 0.85f}, {0.42f, 1},
                          {0.8f, 0.75f}, {0.92f, 0.35f}, {0.7f, 0.1f}, {0.4f, 0.12f}};
constexpr Stroke k0c[] = {k0c0};
constexpr DigitStyle kStyles0[] = {{5, list(k0a)}, {3, list(k0b)}, {1, list(k0c)}};

constexpr Point k1a0[] = {{0.5f, 0}, {0.5f, 0.5f}, {0.5f, 1}};
constexpr Stroke k1a[] = {k1a0};
constexpr Point k1b0[] = {{0.28f, 0.22f}, {0.4f, 0.13f}, {0.5f, 0}};
constexpr Point k1b1[] = {{0.5f, 0}, {0.5f, 0.5f}, {0.5f, 1}};
constexpr Stroke k1b[] = {k1b0, k1b1};
constexpr Point k1c0[] = {{0.2f, 0.25f}, {0.4f, 0.12f}, {0.5f, 0}};
constexpr Point k1c1[] = {{0.5f, 0}, {0.5f, 0.5f}, {0.5f, 1}};
constexpr Point k1c2[] = {{0.15f, 1}, {0.5f, 1}, {0.85f, 1}};
constexpr Stroke k1c[] = {k1c0, k1c1, k1c2};
constexpr DigitStyle kStyles1[] = {{12, list(k1a)}, {2, list(k1b)}, {1, list(k1c)}};

constexpr Point k2a0[] = {{0.1f, 0.25f},  {0.3f, 0.04f}, {0.65f, 0.03f},
                          {0.82f, 0.27f}, {0.6f, 0.6f},  {0.1f, 1}};
constexpr Point k2a1[] = {{0.1f, 1}, {0.5f, 0.97f}, {0.95f, 1}};
constexpr Stroke k2a[] = {k2a0, k2a1};
constexpr Point k2b0[] = {{0.12f, 0.2f},  {0.4f, 0.01f},  {0.75f, 0.12f}, {0.75f, 0.4f},
                          {0.45f, 0.78f}, {0.18f, 0.97f}, {0.04f, 0.87f}, {0.18f, 0.74f},
                          {0.45f, 0.84f}, {0.72f, 0.97f}, {1, 0.88f}};
constexpr Stroke k2b[] = {k2b0};
constexpr Point k2c0[] = {{0.2f, 0.12f}, {0.5f, 0}, {0.76f, 0.18f}, {0.65f, 0.5f}, {0.1f, 0.95f}};
constexpr Point k2c1[] = {{0.1f, 0.95f}, {0.35f, 0.85f}, {0.65f, 0.98f}, {0.98f, 0.92f}};
constexpr Stroke k2c[] = {k2c0, k2c1};
constexpr Point k2d0[] = {
    {0.3f, 0.2f}, {0.5f, 0.02f}, {0.68f, 0.14f}, {0.55f, 0.5f}, {0.15f, 0.98f}};
constexpr Point k2d1[] = {{0.15f, 0.98f}, {0.6f, 0.9f}, {1.1f, 0.86f}};
constexpr Stroke k2d[] = {k2d0, k2d1};
constexpr Point k2e0[] = {{0.1f, 0.3f},  {0.2f, 0.05f}, {0.6f, 0},      {0.85f, 0.25f},
                          {0.7f, 0.6f},  {0.4f, 0.9f},  {0.15f, 0.95f}, {0.1f, 0.8f},
                          {0.3f, 0.72f}, {0.6f, 0.86f}, {0.9f, 1}};
constexpr Stroke k2e[] = {k2e0};
constexpr Point k2f0[] = {{0.1f, 0.15f}, {0.45f, 0.02f}, {0.7f, 0.25f},
                          {0.5f, 0.65f}, {0.22f, 0.97f}, {0.06f, 0.9f},
                          {0.2f, 0.8f},  {0.6f, 0.9f},   {1.05f, 0.82f}};
constexpr Stroke k2f[] = {k2f0};
constexpr DigitStyle kStyles2[] = {{4, list(k2a)}, {4, list(k2b)}, {2, list(k2c)},
                                   {2, list(k2d)}, {1, list(k2e)}, {1, list(k2f)}};

constexpr Point k3a0[] = {{0.1f, 0.14f}, {0.4f, 0}, {0.75f, 0.08f}, {0.76f, 0.32f}, {0.4f, 0.47f}};
constexpr Point k3a1[] = {{0.4f, 0.47f}, {0.8f, 0.55f}, {0.88f, 0.8f}, {0.5f, 1}, {0.05f, 0.87f}};
constexpr Stroke k3a[] = {k3a0, k3a1};
constexpr Point k3b0[] = {{0.12f, 0.03f}, {0.5f, 0.02f}, {0.85f, 0.02f}};
constexpr Point k3b1[] = {{0.85f, 0.02f}, {0.6f, 0.22f}, {0.38f, 0.42f}};
constexpr Point k3b2[] = {{0.38f, 0.42f}, {0.8f, 0.5f}, {0.88f, 0.8f}, {0.5f, 1}, {0.05f, 0.88f}};
constexpr Stroke k3b[] = {k3b0, k3b1, k3b2};
constexpr Point k3c0[] = {{0.15f, 0.1f}, {0.5f, 0},     {0.8f, 0.15f},  {0.62f, 0.4f},
                          {0.4f, 0.47f}, {0.5f, 0.5f},  {0.82f, 0.62f}, {0.78f, 0.9f},
                          {0.4f, 1},     {0.04f, 0.85f}};
constexpr Stroke k3c[] = {k3c0};
constexpr Point k3d0[] = {{0.05f, 0.1f}, {0.4f, 0}, {0.8f, 0.06f}};
constexpr Point k3d1[] = {{0.8f, 0.06f}, {0.6f, 0.28f}, {0.4f, 0.4f}};
constexpr Point k3d2[] = {{0.4f, 0.4f}, {0.72f, 0.48f}, {0.78f, 0.75f}, {0.45f, 1}, {0, 0.95f}};
constexpr Stroke k3d[] = {k3d0, k3d1, k3d2};
constexpr Point k3e0[] = {
    {0.2f, 0.2f}, {0.35f, 0.02f}, {0.7f, 0.04f}, {0.78f, 0.25f}, {0.45f, 0.44f}};
constexpr Point k3e1[] = {{0.45f, 0.44f}, {0.85f, 0.52f}, {0.95f, 0.8f},
                          {0.6f, 1},      {0.15f, 0.96f}, {0, 0.8f}};
constexpr Stroke k3e[] = {k3e0, k3e1};
constexpr Point k3f0[] = {{0.18f, 0.08f}, {0.6f, 0.02f}, {0.74f, 0.22f}, {0.5f, 0.42f},
                          {0.35f, 0.45f}, {0.42f, 0.4f}, {0.7f, 0.55f},  {0.74f, 0.8f},
                          {0.4f, 1},      {0, 0.98f}};
constexpr Stroke k3f[] = {k3f0};
constexpr DigitStyle kStyles3[] = {{4, list(k3a)}, {2, list(k3b)}, {3, list(k3c)},
                                   {2, list(k3d)}, {2, list(k3e)}, {1, list(k3f)}};

constexpr Point k4a0[] = {{0.14f, 0.02f}, {0.1f, 0.3f}, {0.12f, 0.52f}};
constexpr Point k4a1[] = {{0.12f, 0.52f}, {0.5f, 0.53f}, {0.92f, 0.48f}};
constexpr Point k4a2[] = {{0.78f, 0}, {0.74f, 0.5f}, {0.68f, 1}};
constexpr Stroke k4a[] = {k4a0, k4a1, k4a2};
constexpr Point k4b0[] = {{0.68f, 0}, {0.35f, 0.35f}, {0.05f, 0.63f}};
constexpr Point k4b1[] = {{0.05f, 0.63f}, {0.5f, 0.64f}, {1, 0.6f}};
constexpr Point k4b2[] = {{0.68f, 0}, {0.68f, 0.5f}, {0.66f, 1}};
constexpr Stroke k4b[] = {k4b0, k4b1, k4b2};
constexpr Point k4c0[] = {
    {0.18f, 0.02f}, {0.08f, 0.35f}, {0.25f, 0.54f}, {0.55f, 0.52f}, {0.85f, 0.4f}};
constexpr Point k4c1[] = {{0.9f, 0.02f}, {0.8f, 0.5f}, {0.68f, 1}};
constexpr Stroke k4c[] = {k4c0, k4c1};
constexpr Point k4d0[] = {{0.25f, 0}, {0.1f, 0.4f}, {0.2f, 0.5f}, {0.8f, 0.45f}};
constexpr Point k4d1[] = {{0.8f, 0.45f}, {0.86f, 0.2f}, {0.85f, 0.05f}, {0.8f, 0.5f}, {0.74f, 1}};
constexpr Stroke k4d[] = {k4d0, k4d1};
constexpr Point k4e0[] = {{0.05f, 0.1f}, {0, 0.6f}};
constexpr Point k4e1[] = {{0, 0.6f}, {0.5f, 0.6f}, {0.9f, 0.56f}};
constexpr Point k4e2[] = {{0.9f, 0}, {0.88f, 0.5f}, {0.86f, 1}};
constexpr Stroke k4e[] = {k4e0, k4e1, k4e2};
constexpr DigitStyle kStyles4[] = {
    {4, list(k4a)}, {2, list(k4b)}, {4, list(k4c)}, {2, list(k4d)}, {2, list(k4e)}};

constexpr Point k5a0[] = {{0.88f, 0}, {0.55f, 0.03f}, {0.28f, 0.03f}};
constexpr Point k5a1[] = {{0.28f, 0.03f}, {0.22f, 0.25f}, {0.18f, 0.43f}};
constexpr Point k5a2[] = {
    {0.18f, 0.43f}, {0.55f, 0.36f}, {0.85f, 0.62f}, {0.6f, 0.95f}, {0.05f, 0.93f}};
constexpr Stroke k5a[] = {k5a0, k5a1, k5a2};
constexpr Point k5b0[] = {{0.9f, 0.02f}, {0.4f, 0.05f}, {0.22f, 0.25f}, {0.35f, 0.42f},
                          {0.7f, 0.55f}, {0.78f, 0.8f}, {0.45f, 1},     {0.06f, 0.88f}};
constexpr Stroke k5b[] = {k5b0};
constexpr Point k5c0[] = {{0.25f, 0.05f}, {0.2f, 0.3f}, {0.22f, 0.45f}};
constexpr Point k5c1[] = {
    {0.22f, 0.45f}, {0.6f, 0.4f}, {0.8f, 0.65f}, {0.55f, 0.97f}, {0.05f, 0.92f}};
constexpr Point k5c2[] = {{0.25f, 0.05f}, {0.6f, 0.05f}, {0.95f, 0}};
constexpr Stroke k5c[] = {k5c0, k5c1, k5c2};
constexpr Point k5d0[] = {{0.2f, 0}, {0.16f, 0.22f}, {0.15f, 0.4f}};
constexpr Point k5d1[] = {{0.15f, 0.4f}, {0.5f, 0.38f}, {0.75f, 0.6f}, {0.6f, 0.92f}, {0.05f, 1}};
constexpr Point k5d2[] = {{0.3f, 0.06f}, {0.7f, 0.02f}, {1.15f, -0.06f}};
constexpr Stroke k5d[] = {k5d0, k5d1, k5d2};
constexpr Point k5e0[] = {{0.95f, 0.05f}, {0.6f, 0.08f}, {0.3f, 0.05f}};
constexpr Point k5e1[] = {{0.3f, 0.05f}, {0.2f, 0.3f}, {0.4f, 0.42f},  {0.8f, 0.55f},
                          {0.9f, 0.8f},  {0.6f, 1},    {0.15f, 0.95f}, {0.05f, 0.75f}};
constexpr Stroke k5e[] = {k5e0, k5e1};
constexpr Point k5f0[] = {{1.1f, 0}, {0.75f, 0.06f}, {0.5f, 0.08f}};
constexpr Point k5f1[] = {{0.5f, 0.08f}, {0.42f, 0.25f}, {0.38f, 0.4f}};
constexpr Point k5f2[] = {{0.38f, 0.4f}, {0.68f, 0.48f}, {0.72f, 0.75f}, {0.4f, 1}, {0, 0.85f}};
constexpr Stroke k5f[] = {k5f0, k5f1, k5f2};
constexpr DigitStyle kStyles5[] = {{4, list(k5a)}, {3, list(k5b)}, {2, list(k5c)},
                                   {2, list(k5d)}, {2, list(k5e)}, {2, list(k5f)}};

constexpr Point k6a0[] = {{0.72f, 0},     {0.35f, 0.25f}, {0.1f, 0.65f},  {0.25f, 0.95f},
                          {0.65f, 0.98f}, {0.84f, 0.74f}, {0.58f, 0.53f}, {0.16f, 0.74f}};
constexpr Stroke k6a[] = {k6a0};
constexpr Point k6b0[] = {{0.55f, 0},     {0.25f, 0.4f},  {0.12f, 0.75f}, {0.35f, 1},
                          {0.72f, 0.88f}, {0.62f, 0.62f}, {0.36f, 0.64f}, {0.16f, 0.82f}};
constexpr Stroke k6b[] = {k6b0};
constexpr Point k6c0[] = {{0.5f, 0},     {0.15f, 0.45f}, {0.08f, 0.8f}, {0.35f, 1},   {0.8f, 0.9f},
                          {0.9f, 0.65f}, {0.6f, 0.52f},  {0.3f, 0.62f}, {0.2f, 0.75f}};
constexpr Stroke k6c[] = {k6c0};
constexpr Point k6d0[] = {{0.4f, 0},    {0.12f, 0.3f},  {0.05f, 0.7f}, {0.3f, 0.98f}, {0.72f, 0.9f},
                          {0.8f, 0.6f}, {0.55f, 0.45f}, {0.3f, 0.6f},  {0.25f, 0.85f}};
constexpr Stroke k6d[] = {k6d0};
constexpr Point k6e0[] = {{0.95f, 0.02f}, {0.5f, 0.15f},  {0.15f, 0.5f}, {0.1f, 0.85f}, {0.4f, 1},
                          {0.7f, 0.88f},  {0.65f, 0.66f}, {0.4f, 0.62f}, {0.14f, 0.8f}};
constexpr Stroke k6e[] = {k6e0};
constexpr Point k6f0[] = {{0.3f, 0},      {0.14f, 0.4f},  {0.1f, 0.8f}, {0.4f, 1},
                          {0.85f, 0.88f}, {0.85f, 0.62f}, {0.5f, 0.5f}, {0.14f, 0.66f}};
constexpr Stroke k6f[] = {k6f0};
constexpr DigitStyle kStyles6[] = {{4, list(k6a)}, {3, list(k6b)}, {2, list(k6c)},
                                   {3, list(k6d)}, {2, list(k6e)}, {1, list(k6f)}};

constexpr Point k7a0[] = {{0.05f, 0.06f}, {0.5f, 0.05f}, {0.92f, 0.05f}};
constexpr Point k7a1[] = {{0.92f, 0.05f}, {0.65f, 0.5f}, {0.42f, 1}};
constexpr Stroke k7a[] = {k7a0, k7a1};
constexpr Point k7b0[] = {{0.06f, 0.14f}, {0.4f, 0.06f}, {0.75f, 0},
                          {0.88f, 0.1f},  {0.7f, 0.5f},  {0.5f, 1}};
constexpr Stroke k7b[] = {k7b0};
constexpr Point k7c0[] = {{0.05f, 0.05f}, {0.5f, 0.05f}, {0.92f, 0.04f}};
constexpr Point k7c1[] = {{0.92f, 0.04f}, {0.62f, 0.5f}, {0.42f, 1}};
constexpr Point k7c2[] = {{0.3f, 0.52f}, {0.6f, 0.5f}, {0.9f, 0.46f}};
constexpr Stroke k7c[] = {k7c0, k7c1, k7c2};
constexpr Point k7d0[] = {{0.06f, 0.26f}, {0.06f, 0.14f}, {0.08f, 0.06f}};
constexpr Point k7d1[] = {{0.08f, 0.06f}, {0.5f, 0.06f}, {0.92f, 0.04f}};
constexpr Point k7d2[] = {{0.92f, 0.04f}, {0.74f, 0.4f}, {0.6f, 1}};
constexpr Stroke k7d[] = {k7d0, k7d1, k7d2};
constexpr Point k7e0[] = {{0, 0.1f}, {0.45f, 0.08f}, {0.88f, 0}};
constexpr Point k7e1[] = {{0.88f, 0}, {0.8f, 0.4f}, {0.76f, 1}};
constexpr Stroke k7e[] = {k7e0, k7e1};
constexpr DigitStyle kStyles7[] = {
    {4, list(k7a)}, {3, list(k7b)}, {2, list(k7c)}, {2, list(k7d)}, {1, list(k7e)}};

constexpr Point k8a0[] = {{0.76f, 0.12f}, {0.45f, 0},    {0.2f, 0.2f},  {0.5f, 0.47f},
                          {0.8f, 0.75f},  {0.5f, 1},     {0.2f, 0.78f}, {0.48f, 0.5f},
                          {0.8f, 0.22f},  {0.72f, 0.08f}};
constexpr Stroke k8a[] = {k8a0};
constexpr Point k8b0[] = {{0.5f, 0},      {0.24f, 0.1f}, {0.24f, 0.36f}, {0.5f, 0.46f},
                          {0.76f, 0.36f}, {0.76f, 0.1f}, {0.5f, 0}};
constexpr Point k8b1[] = {{0.5f, 0.46f}, {0.18f, 0.6f}, {0.2f, 0.9f}, {0.5f, 1},
                          {0.8f, 0.9f},  {0.82f, 0.6f}, {0.5f, 0.46f}};
constexpr Stroke k8b[] = {k8b0, k8b1};
constexpr Point k8c0[] = {{0.85f, 0.04f}, {0.5f, 0},     {0.22f, 0.16f},
                          {0.4f, 0.42f},  {0.66f, 0.7f}, {0.5f, 0.98f},
                          {0.26f, 0.86f}, {0.4f, 0.58f}, {0.88f, 0.06f}};
constexpr Stroke k8c[] = {k8c0};
constexpr Point k8d0[] = {{0.8f, 0.2f},  {0.55f, 0},     {0.25f, 0.1f}, {0.25f, 0.35f},
                          {0.6f, 0.55f}, {0.72f, 0.8f},  {0.45f, 1},    {0.2f, 0.85f},
                          {0.35f, 0.6f}, {0.72f, 0.35f}, {0.82f, 0.18f}};
constexpr Stroke k8d[] = {k8d0};
constexpr Point k8e0[] = {{0.5f, 0.45f},  {0.25f, 0.2f},  {0.5f, 0}, {0.78f, 0.15f},
                          {0.55f, 0.42f}, {0.25f, 0.75f}, {0.4f, 1}, {0.7f, 0.9f},
                          {0.68f, 0.65f}, {0.45f, 0.42f}};
constexpr Stroke k8e[] = {k8e0};
constexpr DigitStyle kStyles8[] = {
    {5, list(k8a)}, {2, list(k8b)}, {3, list(k8c)}, {2, list(k8d)}, {2, list(k8e)}};

constexpr Point k9a0[] = {
    {0.84f, 0.2f}, {0.5f, 0.02f}, {0.14f, 0.25f}, {0.4f, 0.5f}, {0.84f, 0.22f}};
constexpr Point k9a1[] = {{0.84f, 0.22f}, {0.8f, 0.6f}, {0.66f, 1}};
constexpr Stroke k9a[] = {k9a0, k9a1};
constexpr Point k9b0[] = {{0.8f, 0.1f},   {0.4f, 0.02f},  {0.15f, 0.3f},
                          {0.45f, 0.48f}, {0.78f, 0.25f}, {0.8f, 0.08f}};
constexpr Point k9b1[] = {{0.8f, 0.08f}, {0.78f, 0.5f}, {0.76f, 1}};
constexpr Stroke k9b[] = {k9b0, k9b1};
constexpr Point k9c0[] = {{0.84f, 0.2f},  {0.5f, 0},    {0.14f, 0.25f},
                          {0.42f, 0.48f}, {0.8f, 0.3f}, {0.84f, 0.2f}};
constexpr Point k9c1[] = {{0.84f, 0.2f}, {0.84f, 0.7f}, {0.55f, 1}, {0.15f, 0.9f}};
constexpr Stroke k9c[] = {k9c0, k9c1};
constexpr Point k9d0[] = {{0.75f, 0.12f}, {0.45f, 0.02f}, {0.2f, 0.25f}, {0.4f, 0.42f},
                          {0.7f, 0.3f},   {0.8f, 0.08f},  {0.72f, 0.5f}, {0.5f, 1}};
constexpr Stroke k9d[] = {k9d0};
constexpr Point k9e0[] = {{0.78f, 0.14f}, {0.55f, 0},     {0.2f, 0.08f},  {0.14f, 0.32f},
                          {0.4f, 0.46f},  {0.72f, 0.36f}, {0.82f, 0.12f}, {0.84f, 0.45f},
                          {0.7f, 0.8f},   {0.45f, 1}};
constexpr Stroke k9e[] = {k9e0};
constexpr Point k9f0[] = {{0.8f, 0.05f},  {0.4f, 0.03f}, {0.12f, 0.22f},
                          {0.25f, 0.42f}, {0.6f, 0.38f}, {0.84f, 0.1f}};
constexpr Point k9f1[] = {{0.84f, 0.1f}, {0.86f, 0.5f}, {0.7f, 0.9f}, {0.35f, 1}, {0.1f, 0.88f}};
constexpr Stroke k9f[] = {k9f0, k9f1};
constexpr Point k9g0[] = {{0.7f, 0.1f},  {0.45f, 0},     {0.25f, 0.12f},
                          {0.3f, 0.32f}, {0.55f, 0.36f}, {0.72f, 0.2f}};
constexpr Point k9g1[] = {{0.72f, 0.2f}, {0.7f, 0.6f}, {0.62f, 1}};
constexpr Stroke k9g[] = {k9g0, k9g1};
constexpr DigitStyle kStyles9[] = {{4, list(k9a)}, {3, list(k9b)}, {2, list(k9c)}, {3, list(k9d)},
                                   {3, list(k9e)}, {2, list(k9f)}, {2, list(k9g)}};

}  // namespace

std::span<const DigitStyle> digit_styles(int digit) {
  constexpr std::span<const DigitStyle> kAll[] = {kStyles0, kStyles1, kStyles2, kStyles3, kStyles4,
                                                  kStyles5, kStyles6, kStyles7, kStyles8, kStyles9};
  return kAll[digit];
}

}  // namespace suan::data
